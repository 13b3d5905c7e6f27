using Inference;
using Inference.Examples.Gridworld;
using static Inference.Language;

return GridworldTerminal.Run(args, new GridworldTwin
{
    Tabulate = (slip, engine) => Grid(slip).Tabulate(engine),
    Graph = (slip, horizon) => Grid(slip).Graph(horizon),
    Features = engine => Grid(slip: 0).Features(engine, Features),
    Solve = (slip, temperature, semantics, method, engine) => Grid(slip).Optimal(temperature, semantics).Solve(engine, method),
});

// The grid of Sutton and Barto, "Reinforcement Learning" (2018), example 3.5: any move from A leads to A′ and earns 10, from B to B′ and earns 5; a
// move off the grid stays and costs 1. With some probability the wind turns a move into another direction.
static MdpModel<Cell, Move> Grid(double slip) => Mdp.Define<Cell, Move>("grid")
    .Start(from row in Sample("row", Categorical(Zeros(5)))
           from column in Sample("column", Categorical(Zeros(5)))
           select new Cell(row, column))
    .Step((s, m) =>
        from wind in Sample("wind", Categorical(Log(Constant([1 - slip, slip]))))
        from other in Sample("other", Categorical(Zeros(4)))
        select Next(s, Cond(Equal(wind, 1), new Move(other), m)))
    .Reward((s, m) => Select(At(s, 0, 1), 10, Select(At(s, 0, 3), 5, Select(IsOff(s, m), -1, Zeros()))))
    .Discount(0.9);

static Cell Next(Cell s, Move m)
{
    Cell target = Target(s, m), held = new(Clip(target.Row, 0, 4), Clip(target.Column, 0, 4));
    return Cond(At(s, 0, 1), new Cell(4, 1), Cond(At(s, 0, 3), new Cell(2, 3), held));
}

// Up, down, left, right.
static Cell Target(Cell s, Move m) =>
    new(s.Row + Gather(Integers([-1, 1, 0, 0]), m.Direction), s.Column + Gather(Integers([0, 0, -1, 1]), m.Direction));

static Tensor IsOff(Cell s, Move m)
{
    Cell target = Target(s, m);
    return Or(Not(Equal(Clip(target.Row, 0, 4), target.Row)), Not(Equal(Clip(target.Column, 0, 4), target.Column)));
}

static Tensor At(Cell s, int row, int column) => And(Equal(s.Row, row), Equal(s.Column, column));

// What a reward is looked for in: where one is, and whether the move is off the grid.
static Tensor Features(Cell s, Move m) => Concat(
    0,
    [.. from cell in Enumerable.Range(0, 25) select Reshape(Indicator(At(s, cell / 5, cell % 5)), 1), Reshape(Indicator(IsOff(s, m)), 1)]);

static Tensor Indicator(Tensor condition) => Select(condition, Ones(), Zeros());
