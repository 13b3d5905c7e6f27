namespace Inference.Examples.Digits;

/// <summary>The directions in which rows of numbers vary most, by power iteration on their covariance.</summary>
internal static class PrincipalComponents
{
    private const int Iterations = 500;

    /// <summary>The coordinates of each row along the first two directions, in pairs.</summary>
    /// <param name="rows">Row after row.</param>
    /// <param name="width">The numbers of a row; at least 2.</param>
    public static float[] FirstTwo(ReadOnlySpan<float> rows, int width)
    {
        int count = rows.Length / width;
        double[] mean = new double[width];
        for (int k = 0; k < rows.Length; k++)
        {
            mean[k % width] += rows[k] / (double)count;
        }

        double[,] covariance = Covariance(rows, width, mean);
        double[] first = Leading(covariance, null);
        double[] second = Leading(covariance, first);
        float[] points = new float[2 * count];
        for (int row = 0; row < count; row++)
        {
            for (int k = 0; k < width; k++)
            {
                double from = rows[(row * width) + k] - mean[k];
                points[2 * row] += (float)(from * first[k]);
                points[(2 * row) + 1] += (float)(from * second[k]);
            }
        }

        return points;
    }

    private static double[,] Covariance(ReadOnlySpan<float> rows, int width, double[] mean)
    {
        double[,] covariance = new double[width, width];
        for (int row = 0; row < rows.Length; row += width)
        {
            for (int a = 0; a < width; a++)
            {
                for (int b = 0; b < width; b++)
                {
                    covariance[a, b] += (rows[row + a] - mean[a]) * (rows[row + b] - mean[b]) * width / rows.Length;
                }
            }
        }

        return covariance;
    }

    /// <summary>The eigenvector of the largest eigenvalue among those orthogonal to another.</summary>
    private static double[] Leading(double[,] matrix, double[]? other)
    {
        int n = matrix.GetLength(0);
        double[] v = [.. Enumerable.Range(0, n).Select(k => 1.0 / (k + 1))];
        for (int turn = 0; turn < Iterations; turn++)
        {
            double[] next = new double[n];
            for (int a = 0; a < n; a++)
            {
                for (int b = 0; b < n; b++)
                {
                    next[a] += matrix[a, b] * v[b];
                }
            }

            double along = other is null ? 0 : next.Zip(other, (x, y) => x * y).Sum();
            next = other is null ? next : [.. next.Zip(other, (x, y) => x - (along * y))];
            double length = Math.Sqrt(next.Sum(x => x * x));
            if (length == 0)
            {
                return v;
            }

            v = Array.ConvertAll(next, x => x / length);
        }

        return v;
    }
}
