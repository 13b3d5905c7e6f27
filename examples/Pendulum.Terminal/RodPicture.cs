using Spectre.Console;

namespace Inference.Examples.Pendulum;

/// <summary>The pendulum in braille: two dots wide and four high to a character.</summary>
internal static class RodPicture
{
    private const int Columns = 13;
    private const int Rows = 6;
    private const int Width = 2 * Columns;
    private const int Height = 4 * Rows;

    // The bit of each dot within its character, by row and column.
    private static readonly int[,] Bits = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };

    /// <summary>A picture of the rod at an angle from upright, turning anticlockwise.</summary>
    public static Text Of(float angle)
    {
        int[,] cells = new int[Rows, Columns];
        double length = (Height / 2) - 2;
        for (double along = 0; along <= length; along += 0.5)
        {
            Dot(cells, (Width / 2) - (along * Math.Sin(angle)), (Height / 2) - (along * Math.Cos(angle)));
        }

        for (double dx = -1.5; dx <= 1.5; dx += 0.5)
        {
            for (double dy = -1.5; dy <= 1.5; dy += 0.5)
            {
                Dot(cells, (Width / 2) - (length * Math.Sin(angle)) + dx, (Height / 2) - (length * Math.Cos(angle)) + dy);
            }
        }

        var lines = Enumerable.Range(0, Rows).Select(row => string.Concat(Enumerable.Range(0, Columns).Select(c => (char)(0x2800 + cells[row, c]))));
        return new Text(string.Join('\n', lines));
    }

    private static void Dot(int[,] cells, double x, double y)
    {
        int column = (int)Math.Floor(x);
        int row = (int)Math.Floor(y);
        if (column is >= 0 and < Width && row is >= 0 and < Height)
        {
            cells[row / 4, column / 2] |= Bits[row % 4, column % 2];
        }
    }
}
