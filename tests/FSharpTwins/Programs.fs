module Inference.Twins.Programs

open Inference
open type Inference.Language

/// A number, seen twice.
let seenTwice =
    prob {
        let! z = Sample("z", Normal(0.0, 1.0))
        do! Observe("first", Normal(z, 0.5), 1.0)
        do! Observe("second", Normal(z, 0.5), 1.5)
        do! Factor(-0.1 * Square z)
        return z
    }

/// An unknown mean, and data that it explains.
let explained (data: float[]) =
    prob {
        let! mean = Sample("mean", Normal(0.0, 1.0))
        let each = PlateIndex("data", data.Length)
        let! _ = Plate(each, Observe("x", Normal(mean, 1.0), Unstack(Constant data, each)))
        return mean
    }

/// Two draws of one name, at lines that the error names.
let twice () =
    prob {
        let! x = Sample("x", Normal(0.0, 1.0))
        let! y = Sample("x", Normal(x, 1.0))
        return y
    }

/// A sum and what it is made of.
let sums (engine: Engine) =
    engine.Compile("sums", Input("x", 3), (fun x -> struct (Sum x, Probe("squares", Square x))))
