namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Values without plates whose elements are each computed from the same elements of others: an optimiser's passes over parameters.
/// What is read element by element is still in a register.
[<RequireQualifiedAccess>]
module Pointwise =
    let isPointwise (roles: Roles) (n: Node) =
        Strategy.isElementwise n.Op
        && n.Count > Strategy.unrolled
        && n.Indices |> Array.forall (fun i -> roles.Role[i] = Role.Outer)

    /// For each node, the placed values that it reads at other elements than its own, through views or whole.
    let crossed (graph: Graph) (strategies: Strategy[]) : IReadOnlySet<int>[] =
        let reads = Array.init graph.Nodes.Length (fun _ -> HashSet<int>())
        let crosses = Array.init graph.Nodes.Length (fun _ -> HashSet<int>())

        for n in graph.Nodes do
            for i in n.Inputs do
                let operand = graph.Nodes[i]
                let aligned = Strategy.isElementwise n.Op && operand.Shape = n.Shape

                match strategies[i] with
                | Strategy.Placed ->
                    reads[n.Id].Add i |> ignore

                    if not aligned then
                        crosses[n.Id].Add i |> ignore
                | Strategy.Inline ->
                    reads[n.Id].UnionWith reads[i]
                    crosses[n.Id].UnionWith(if aligned then crosses[i] else reads[i])

        crosses |> Array.map (fun set -> set :> IReadOnlySet<int>)
