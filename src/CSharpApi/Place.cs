namespace Inference;

/// <summary>Where in the user's file something was asked for.</summary>
internal static class Place
{
    /// <summary>
    /// Does some work. What is wrong with a model keeps its place if that lies within a lambda of the user's; else it gets the
    /// caller's line, which in a statement of many lines the stack does not tell.
    /// </summary>
    public static T Of<T>(string file, int line, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ModelException failure) when (line > 0 && IsCallersStatement(failure.Location))
        {
            throw new ModelException(failure.Problem, new Location(file, line), failure.Model, failure.Mend);
        }
    }

    private static bool IsCallersStatement(Location location) => location.IsUnknown || location.Equals(LocationModule.ofUser());
}
