namespace Inference

open System

/// The data of a model with global variables: what is drawn once for all of them stands outside their plate. `total` is how many there
/// are in all.
[<Sealed>]
type Data<'D> internal (index: FreeIndex, datum: 'D, total: Lazy<Tensor>) =
    /// The number of all data, those outside the batch included.
    member _.Count: Tensor = total.Value

    /// What is said of each datum, in the plate of the data. A batch of B of N data counts N/B times there. The result varies over the
    /// plate.
    member _.Plate(body: Func<'D, Prob<'T>>) : Prob<'T> =
        Prob.plate index (body.Invoke datum)
        |> Handle.scale (total.Value / Build.convert DType.F32 (Structure.extent index))
        |> Prob.map (fun p -> p.Value)
