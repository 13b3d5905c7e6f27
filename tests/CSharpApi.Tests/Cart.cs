using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public record Cart([Size(2)] Tensor Position, [Size(2)] Tensor Velocity);

public record Push([Size(2), Within(-1, 1)] Tensor Force);

public record Goal([Size(2)] Tensor Position, Tensor Load);

/// <summary>A process with every part that there is.</summary>
public static class Carts
{
    public static MdpModel<Cart, Push, Goal> Model { get; } = Mdp.Define<Cart, Push, Goal>("cart")
        .Start(from position in Sample("position", Normal(Zeros(2), 0.5))
               select new Cart(position, Zeros(2)))
        .Step((s, u, goal, time) =>
            from gust in Sample("gust", Normal(Zeros(2), 0.1))
            let velocity = s.Velocity + 0.1 * (u.Force + gust * Cos(0.2 * time)) / goal.Load
            select new Cart(s.Position + 0.1 * velocity, velocity))
        .Reward((s, u, goal) => -(Sum(Square(s.Position - goal.Position)) + 0.01 * Sum(Square(u.Force))))
        .TerminalValue((s, goal) => -10 * Sum(Square(s.Position - goal.Position)))
        .Terminate(s => 9 < Sum(Square(s.Position)))
        .Observe(s => Normal(s.Position, 0.05))
        .Discount(0.98);
}
