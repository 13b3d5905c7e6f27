/// The grid of Sutton and Barto, "Reinforcement Learning" (2018), example 3.5: any move from A leads to A′ and earns 10, from B to B′ and earns
/// 5; a move off the grid stays and costs 1. With some probability the wind turns a move into another direction.
module internal Inference.Examples.Gridworld.Gridworld

open Inference

open type Inference.Language

let private whole (x: int) = Convert(Fill(double x), DType.I32)
let private at (s: Cell) (row: int) (column: int) = And(Equal(s.Row, whole row), Equal(s.Column, whole column))

/// Up, down, left, right.
let private target (s: Cell) (m: Move) =
    Cell(s.Row + Gather(Integers([| -1; 1; 0; 0 |]), m.Direction), s.Column + Gather(Integers([| 0; 0; -1; 1 |]), m.Direction))

let private held x = Clip(x, 0.0, 4.0)

let private isOff s m =
    let target = target s m
    Or(Not(Equal(held target.Row, target.Row)), Not(Equal(held target.Column, target.Column)))

let private next s m =
    let target = target s m
    let beside = Cond(at s 0 3, Cell(whole 2, whole 3), Cell(held target.Row, held target.Column))
    Cond(at s 0 1, Cell(whole 4, whole 1), beside)

let grid (slip: double) : Mdp<Cell, Move, NoSettings> =
    Mdp.define "grid"
    |> Mdp.start (
        prob {
            let! row = Sample("row", Categorical(Zeros 5))
            let! column = Sample("column", Categorical(Zeros 5))
            return Cell(row, column)
        }
    )
    |> Mdp.transition (fun s m ->
        prob {
            let! wind = Sample("wind", Categorical(Log(Constant [| 1.0 - slip; slip |])))
            let! other = Sample("other", Categorical(Zeros 4))
            return next s (Cond(Equal(wind, whole 1), Move other, m))
        })
    |> Mdp.reward (fun s m -> Select(at s 0 1, 10.0, Select(at s 0 3, 5.0, Select(isOff s m, -1.0, Zeros()))))
    |> Mdp.discount 0.9

let private indicator condition = Reshape(Select(condition, Ones(), Zeros()), 1)

/// What a reward is looked for in: where one is, and whether the move is off the grid.
let features (s: Cell) (m: Move) =
    Concat(
        0,
        [|
            for cell in 0..24 do
                indicator (at s (cell / 5) (cell % 5))
            indicator (isOff s m)
        |]
    )
