using System.CommandLine.Parsing;
using System.Globalization;

namespace Inference.Examples;

/// <summary>What values of a command line are held to.</summary>
public static class Limit
{
    /// <summary>A whole number from a least one on.</summary>
    public static Action<OptionResult> AtLeast(int least) => result => Require(result, value => value >= least, $"at least {least}");

    /// <summary>A number of a closed range.</summary>
    public static Action<OptionResult> Between(int least, int most) =>
        result => Require(result, value => value >= least && value <= most, $"{least} to {most}");

    /// <summary>A number above 0.</summary>
    public static void Positive(OptionResult result) => Require(result, value => value > 0, "above 0");

    /// <summary>A number that is 0 or more.</summary>
    public static void NotNegative(OptionResult result) => Require(result, value => value >= 0, "0 or more");

    /// <summary>A number from 0 to 1.</summary>
    public static void Probability(OptionResult result) => Require(result, value => value is >= 0 and <= 1, "0 to 1");

    /// <summary>A number from 0 on that stays below 1.</summary>
    public static void BelowOne(OptionResult result) => Require(result, value => value is >= 0 and < 1, "0 to below 1");

    /// <summary>The name of a file or folder.</summary>
    public static void Name(OptionResult result)
    {
        if (result?.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
        {
            result.AddError($"{result.Option.Name} is \"{text}\"; expected a name.");
        }
    }

    /// <summary>One of some words.</summary>
    public static Action<OptionResult> OneOf(params string[] words) => result =>
    {
        if (result.Tokens is [{ Value: var text }] && !words.Contains(text))
        {
            result.AddError($"{result.Option.Name} is {text}; expected {string.Join(" or ", words)}.");
        }
    };

    // Text that is no number has an error of its own already.
    private static void Require(OptionResult result, Func<double, bool> holds, string expected)
    {
        if (result.Tokens is [{ Value: var text }]
            && double.TryParse(text, CultureInfo.InvariantCulture, out double value)
            && !(double.IsFinite(value) && holds(value)))
        {
            result.AddError($"{result.Option.Name} is {text}; expected {expected}.");
        }
    }
}
