using Microsoft.FSharp.Collections;

namespace Inference;

/// <summary>Makes the plans that derivations return.</summary>
public static class Plan
{
    /// <summary>A plan with numbers to report.</summary>
    /// <param name="mean">The actions of the plan, free in the planner's time.</param>
    /// <param name="diagnostics">
    /// Scalars by name. A planner knows "effective sample size", "free energy", "elbo", "non-finite samples" and "first non-finite step"; others
    /// are reported as they are.
    /// </param>
    public static Plan<A> Of<A>(A mean, params ReadOnlySpan<(string Name, Tensor Value)> diagnostics)
    {
        var list = FSharpList<Tuple<string, Tensor>>.Empty;
        for (int k = diagnostics.Length - 1; k >= 0; k--)
        {
            list = FSharpList<Tuple<string, Tensor>>.Cons(Tuple.Create(diagnostics[k].Name, diagnostics[k].Value), list);
        }

        return new Plan<A>(mean, list);
    }
}
