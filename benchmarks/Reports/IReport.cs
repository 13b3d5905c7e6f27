using Inference.Benchmarks.Measuring;

namespace Inference.Benchmarks.Reports;

/// <summary>Shows results as they come.</summary>
internal interface IReport
{
    void Add(Result result);
}
