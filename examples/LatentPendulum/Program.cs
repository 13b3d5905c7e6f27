using Inference.Examples.LatentPendulum;

return LatentPendulumTerminal.Run(args, sizes =>
{
    var space = new StateSpace(sizes);
    return new LatentPendulumTwin(space.Guided().Elbo(), space.Imagine);
});
