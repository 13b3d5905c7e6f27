namespace Inference;

/// <summary>Spaces in words: for errors, for the columns of traces and the curves of reports.</summary>
internal static class SpaceText
{
    /// <summary>A name for each number of a space: <c>Angle</c>, or <c>Position[0]</c>, <c>Position[1]</c>, …</summary>
    public static string[] Components(Space space)
    {
        var names = new List<string>();
        foreach (Leaf leaf in space.Leaves)
        {
            if (leaf.Shape.Length == 0)
            {
                names.Add(leaf.Path);
                continue;
            }

            for (int k = 0; k < leaf.Count; k++)
            {
                names.Add($"{leaf.Path}[{string.Join(", ", Position(k, leaf.Shape))}]");
            }
        }

        return [.. names];
    }

    /// <summary>Refuses a wrong count of numbers, and says what was expected.</summary>
    /// <param name="who">Who needs the numbers, such as <c>The planner "mppi"</c>.</param>
    /// <param name="what">What they are: state, action or settings.</param>
    /// <param name="space">The space of which they are a value.</param>
    /// <param name="count">The numbers that came.</param>
    public static void Require(string who, string what, Space space, int count)
    {
        if (count != space.Count)
        {
            Refuse(who, what, space, count);
        }
    }

    private static void Refuse(string who, string what, Space space, int count)
    {
        string fields = string.Join(
            ", ", space.Leaves.Select(leaf => leaf.Shape.Length == 0 ? leaf.Path : $"{leaf.Path}[{string.Join(", ", leaf.Shape)}]"));
        string needed = space.Count == 1 ? "1 number" : $"{space.Count} numbers";
        throw new ArgumentException(
            $"{who} needs {needed} for the {what}{(fields.Length == 0 ? "" : $" ({fields})")}; {count} came.", what);
    }

    private static int[] Position(int k, int[] shape)
    {
        int[] position = new int[shape.Length];
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            position[axis] = k % shape[axis];
            k /= shape[axis];
        }

        return position;
    }
}
