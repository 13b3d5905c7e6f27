namespace Inference

open System.Collections.Generic

/// The answer to a question of independence.
type Independence =
    {
        IsIndependent: bool
        /// The variables along an open trail, in order; empty if there is none.
        Path: IReadOnlyList<string>
        /// The answer in words; with the trail, its arrows, and why it is open.
        Explanation: string
    }

    override a.ToString() = a.Explanation

/// The answer to the question what to adjust for.
type Adjustment =
    {
        /// Whether there is a set to adjust for.
        Exists: bool
        /// A smallest such set; empty if nothing needs to be adjusted for.
        Sites: IReadOnlyList<string>
        /// The answer in words.
        Explanation: string
    }

    override a.ToString() = a.Explanation
