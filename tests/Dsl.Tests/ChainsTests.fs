/// Models and guides that are chains: recurrent state-space models.
module Inference.Dsl.Tests.ChainsTests

open System
open Inference
open Inference.Compiler
open Inference.Dsl.Tests.Evaluation
open Xunit

let private steps = 6
let private size, latent, observed = 5, 2, 3

type private Latent = { Hidden: Tensor; Code: Tensor }

/// A recurrent state-space model in small: a deterministic path, a prior on it, a posterior that sees the observation, a decoder.
type private StateSpace() =
    let cell = Net.Gru("cell", latent, size)
    let prior = Net.Linear("prior", size, 2 * latent)
    let posterior = Net.Linear("posterior", size + observed, 2 * latent)
    let decoder = Net.Linear("decoder", size + latent, observed)
    member _.Time = L.TimeIndex("t", steps)
    member _.Start = { Hidden = L.Zeros size; Code = L.Zeros latent }
    member _.Hidden(s: Latent) = cell.Apply(s.Hidden, s.Code)
    member _.Prior(h: Tensor) = L.DiagonalNormal(prior.Apply h)
    member _.Posterior(h: Tensor, y: Tensor) = L.DiagonalNormal(posterior.Apply(L.Concat(0, h, y)))
    member _.Decoder(s: Latent) = L.Normal(decoder.Apply(L.Concat(0, s.Hidden, s.Code)), L.Fill 1.0)

let private model (m: StateSpace) (time: FreeIndex) (y: Tensor) =
    Prob.markov time m.Start (fun s ->
        prob {
            let h = m.Hidden s
            let! z = L.Sample("z", m.Prior h)
            let next = { Hidden = h; Code = z }
            do! L.Observe("y", m.Decoder next, y)
            return next, ()
        })

let private guide (m: StateSpace) (time: FreeIndex) (y: Tensor) =
    Prob.markov time m.Start (fun s ->
        prob {
            let h = m.Hidden s
            let! z = L.Sample("z", m.Posterior(h, y))
            return { Hidden = h; Code = z }, ()
        })

/// The same objective written by hand, with the same draws.
let private byHand (m: StateSpace) (time: FreeIndex) (y: Tensor) : Prob<Tensor> =
    prob {
        let! _, term =
            Prob.markov time m.Start (fun s ->
                prob {
                    let h = m.Hidden s
                    let q, p = m.Posterior(h, y) :?> DiagonalNormal, m.Prior h :?> DiagonalNormal
                    let! z = L.Sample("z", q)
                    let next = { Hidden = h; Code = z }
                    let ratio = L.Exp(q.LogVariance - p.LogVariance)
                    let distance = L.Square(q.Mean - p.Mean) * L.Exp(-p.LogVariance)
                    let divergence = 0.5 * L.Sum(ratio + distance - 1.0 - (q.LogVariance - p.LogVariance))
                    let error = L.Square(y - (m.Decoder next).Mean)
                    let likelihood = -0.5 * L.Sum error - 0.5 * double observed * Math.Log(2.0 * Math.PI)
                    return next, likelihood - divergence
                })

        return L.SumOver(time, term)
    }

let private program (bound: StateSpace -> FreeIndex -> Tensor -> Prob<Tensor>) =
    build "state space" (fun b ->
        let m = StateSpace()
        let time = m.Time
        let y = L.Unstack(b.Input("y", [| steps; observed |], DType.F32), time)
        let value, _ = draw 3.0 4.0 (bound m time y)
        let parameters = b.Parameters([ value ], 1UL)
        b.Output("bound", value)

        for p, g in Array.zip parameters (Calculus.gradient value parameters) do
            b.Output($"gradient of {Parameter.nameOf p}", g))

let private inputs = [ "y", Array.init (steps * observed) (fun k -> sin (0.7 * double k)) ]
let private derived = EvidenceBound.derive (Objective.Elbo())

[<Fact>]
let ``The objective derived from a chain and its guide is the one written by hand, and so are its derivatives`` () =
    let one =
        interpret [] inputs (program (fun m t y -> derived (model m t y) (guide m t y) |> Prob.map (fun b -> b.Value)))

    let other = interpret [] inputs (program byHand)
    Assert.Equal<string seq>(other.Keys, one.Keys)

    for KeyValue(name, values) in other do
        close (List.ofArray values) one[name]

[<Fact>]
let ``A model's chain that is its guide's is computed once`` () =
    let p = program (fun m t y -> derived (model m t y) (guide m t y) |> Prob.map (fun b -> b.Value))

    let scans (x: Tensor) =
        Traverse.postOrder [ x ]
        |> Seq.choose (fun x ->
            match x.Op with
            | Op.Carry(s, _)
            | Op.Final(s, _) -> Some s
            | _ -> None)
        |> Seq.distinct
        |> Seq.length

    let value = p.Outputs |> Array.find (fun (name, _) -> name = "bound") |> snd
    Assert.Equal(1, scans value)

[<Fact>]
let ``A chain that is not its guide's keeps a loop of its own`` () =
    // the guide's path does not feed back
    let flat (m: StateSpace) (time: FreeIndex) (y: Tensor) =
        Prob.markov time m.Start (fun s ->
            prob {
                let! z = L.Sample("z", m.Posterior(s.Hidden, y))
                return { Hidden = s.Hidden; Code = z }, ()
            })

    let p = program (fun m t y -> derived (model m t y) (flat m t y) |> Prob.map (fun b -> b.Value))
    let found = interpret [] inputs p
    Assert.True(Double.IsFinite found["bound"].[0])
