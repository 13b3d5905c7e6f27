using Inference;
using Inference.Examples.CartLqr;
using static Inference.Language;

MdpModel<Cart, Push> cart = DefineCart();
MdpModel<Cart, Push> watched = cart.Observe(s => Normal(Pack(s.Position, s.Angle), Fill(0.01, 2)));
double[] upright = [0, 0, 0, Math.PI], still = [0];

return CartLqrTerminal.Run(args, new CartLqrTwin
{
    Balance = (method, engine) => cart.LinearisedAt(upright, still).Optimal(temperature: 0.1).Solve(engine, method),
    Observe = (method, engine) => watched.LinearisedAt(upright, still).Optimal(temperature: 0.1).Solve(engine, method),
    SwingUp = (method, engine) => cart.Optimal(temperature: 0.1).Solve(engine, method),
    Graph = horizon => watched.Graph(horizon),
    Environment = engine => watched.Environment(engine),
});

// The cart and pole of Deisenroth and Rasmussen, "PILCO", ICML 2011: a pole of 0.5 m and 0.5 kg on a cart of 0.5 kg, with friction. Gusts disturb the
// force.
static MdpModel<Cart, Push> DefineCart() => Mdp.Define<Cart, Push>("cart with a pole")
    .Start(from lean in Sample("lean", Normal(Zeros(4), 0.1))
           select new Cart(Element(lean, 0), Element(lean, 1), Element(lean, 2), Math.PI + Element(lean, 3)))
    .Step((s, a) =>
        from gust in Sample("gust", Normal(0, 0.2))
        let force = a.Force + gust
        select Follow(Follow(s, force), force))
    .Reward((s, a) => -(Square(s.Position) + 5 * (1 + Cos(s.Angle)) + 0.05 * (Square(s.Velocity) + Square(s.Spin)) + 0.01 * Square(a.Force)));

// Half a step, 0.05 s, by the fourth-order Runge-Kutta rule.
static Cart Follow(Cart s, Tensor force)
{
    Cart a = Rates(s, force), b = Rates(After(s, a, 0.025), force), c = Rates(After(s, b, 0.025), force), d = Rates(After(s, c, 0.05), force);
    return After(After(After(After(s, a, 0.05 / 6), b, 0.05 / 3), c, 0.05 / 3), d, 0.05 / 6);
}

static Cart After(Cart s, Cart rate, double time) => new(
    s.Position + time * rate.Position, s.Velocity + time * rate.Velocity, s.Spin + time * rate.Spin, s.Angle + time * rate.Angle);

// With g = 9.82 m/s² and friction of 0.1 N a m/s.
static Cart Rates(Cart s, Tensor force)
{
    Tensor sin = Sin(s.Angle), cos = Cos(s.Angle), push = force - 0.1 * s.Velocity, swing = Square(s.Spin) * sin;
    Tensor inertia = 4 - 1.5 * Square(cos);
    return new Cart(
        s.Velocity,
        (0.5 * swing + 1.5 * 9.82 * sin * cos + 4 * push) / inertia,
        (-0.75 * swing * cos - 6 * 9.82 * sin - 6 * push * cos) / (0.5 * inertia),
        s.Spin);
}
