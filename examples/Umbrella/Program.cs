using Inference;
using Inference.Examples.Umbrella;
using static Inference.Language;

return UmbrellaTerminal.Run(args, new UmbrellaTwin { World = World });

// The umbrella world of Russell and Norvig, "Artificial Intelligence", 14.2: rain tends to stay from day to day, and is not seen; somebody comes
// with an umbrella or without. Before the first day nothing is known.
static Prob<Chain<Tensor, Day>> World(Climate climate, FreeIndex day) => Markov(day, Fill(-1), before =>
    from rain in Sample("rain", Bernoulli(probability: Select(before < 0, 0.5, 1 - climate.Stay + (2 * climate.Stay - 1) * before)))
    from umbrella in Sample("umbrella", Bernoulli(probability: climate.Without + (climate.InRain - climate.Without) * rain))
    select (rain, new Day(rain, umbrella)));
