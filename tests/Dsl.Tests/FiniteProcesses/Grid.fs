/// The 5×5 grid of Sutton and Barto, Reinforcement Learning (2018), examples 3.5 and 3.8.
module Inference.Dsl.Tests.FiniteProcesses.Grid

open Inference

type L = Language

type Cell =
    {
        [<Discrete(5)>]
        Row: Tensor
        [<Discrete(5)>]
        Column: Tensor
    }

type Move =
    {
        /// Up, down, left, right.
        [<Discrete(4)>]
        Direction: Tensor
    }

let whole (x: int) = Build.scalar DType.I32 (double x)
let private at row column (s: Cell) = L.And(L.Equal(s.Row, whole row), L.Equal(s.Column, whole column))

let private target (s: Cell) (m: Move) =
    s.Row + L.Gather(L.Integers([| -1; 1; 0; 0 |]), m.Direction), s.Column + L.Gather(L.Integers([| 0; 0; -1; 1 |]), m.Direction)

let private held x = L.Clip(x, 0.0, 4.0)

/// Moves off the grid stay and cost 1. Any move from (0, 1) leads to (4, 1) and earns 10, from (0, 3) to (2, 3) and earns 5.
let process': Mdp<Cell, Move, NoSettings> =
    Mdp.define "grid"
    |> Mdp.start (Prob.result { Row = whole 4; Column = whole 0 })
    |> Mdp.step (fun s m ->
        let row, column = target s m

        let next =
            L.Cond(at 0 3 s, { Row = whole 2; Column = whole 3 }, { Row = held row; Column = held column })

        L.Cond(at 0 1 s, { Row = whole 4; Column = whole 1 }, next))
    |> Mdp.reward (fun s m ->
        let row, column = target s m
        let off = L.Or(L.Not(L.Equal(held row, row)), L.Not(L.Equal(held column, column)))
        L.Select(at 0 1 s, L.Fill(10.0), L.Select(at 0 3 s, L.Fill(5.0), L.Select(off, L.Fill(-1.0), L.Zeros()))))
    |> Mdp.discount 0.9
