using System.Text;

namespace Inference;

/// <content>The episode as a page.</content>
public sealed partial class Episode
{
    /// <summary>
    /// Writes one self-contained page: curves of states, actions, rewards, effective samples and solve times, and the scene as an animation.
    /// It asks nothing of the network.
    /// </summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="report">What it says beyond the numbers.</param>
    public void Report(string path, EpisodeReport? report = null) =>
        File.WriteAllText(path, ReportPage.Of(this, report ?? new EpisodeReport()), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
}
