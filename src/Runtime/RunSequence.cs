using System.Diagnostics;
using System.Runtime.CompilerServices;
using Inference.Compiler;

namespace Inference;

/// <summary>The steps of a run: kernels with a barrier after each, and loops around them.</summary>
internal sealed unsafe class RunSequence
{
    private readonly Step[] _steps;

    public RunSequence(CompiledProgram program, LoadedKernels kernels)
    {
        _steps = new Step[program.Steps.Length];
        var open = new Stack<int>();
        for (int s = 0; s < _steps.Length; s++)
        {
            StepPlan plan = program.Steps[s];
            _steps[s] = new Step
            {
                Kind = plan.Kind,
                Kernel = plan.Kind == StepKind.Kernel ? kernels[plan.Kernel] : null,
                Number = plan.Kernel,
                Count = plan.Count,
                Extent = plan.Extent,
                Tile = plan.Tile,
                Parallel = plan.Parallel,
                Variable = plan.Variable,
                Descending = plan.Descending,
            };
            if (plan.Kind == StepKind.BeginLoop)
            {
                open.Push(s);
            }
            else if (plan.Kind == StepKind.EndLoop)
            {
                int begin = open.Pop();
                _steps[begin].Partner = s;
                _steps[s].Partner = begin;
            }
        }
    }

    /// <summary>Runs all steps. The caller holds the pool.</summary>
    /// <param name="pool">Threads.</param>
    /// <param name="workspace">Memory.</param>
    /// <param name="ticks">Where the time that each kernel takes is added up, or null.</param>
    /// <returns>The most workers that had items of one kernel.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Run(WorkerPool pool, Workspace workspace, long[]? ticks)
    {
        int most = 0;
        int* variables = workspace.Variables;
        for (int s = 0; s < _steps.Length; s++)
        {
            ref Step step = ref _steps[s];
            switch (step.Kind)
            {
                case StepKind.Kernel:
                    long begun = ticks is null ? 0 : Stopwatch.GetTimestamp();
                    most = Math.Max(most, RunKernel(in step, pool, workspace));
                    if (ticks is not null)
                    {
                        ticks[step.Number] += Stopwatch.GetTimestamp() - begun;
                    }

                    break;
                case StepKind.BeginLoop:
                    long count = CountOf(in step, variables);
                    variables[step.Variable] = step.Descending ? (int)count - 1 : 0;
                    if (count == 0)
                    {
                        s = step.Partner;
                    }

                    break;
                case StepKind.EndLoop:
                    ref Step begin = ref _steps[step.Partner];
                    ref int counter = ref variables[begin.Variable];
                    if (begin.Descending ? --counter >= 0 : ++counter < CountOf(in begin, variables))
                    {
                        s = step.Partner;
                    }

                    break;
            }
        }

        return most;
    }

    private static int RunKernel(in Step step, WorkerPool pool, Workspace workspace)
    {
        long count = CountOf(in step, workspace.Variables);
        if (step.Parallel)
        {
            return pool.Run(step.Kernel, workspace.Buffers, workspace.Scratch, workspace.Variables, count);
        }

        if (count > 0)
        {
            step.Kernel(workspace.Buffers, workspace.Scratch[0], workspace.Variables, 0, count);
            return 1;
        }

        return 0;
    }

    private static long CountOf(in Step step, int* variables)
    {
        if (step.Extent < 0)
        {
            return step.Count;
        }

        long tiles = ((long)variables[step.Extent] + step.Tile - 1) / step.Tile;
        return step.Count * tiles;
    }

    /// <summary>A step of the plan with its kernel's address and, for either end of a loop, the number of the other.</summary>
    private struct Step
    {
        public StepKind Kind;
        public delegate*<byte**, byte*, int*, long, long, void> Kernel;
        public int Number;
        public long Count;
        public int Extent;
        public int Tile;
        public bool Parallel;
        public int Variable;
        public bool Descending;
        public int Partner;
    }
}
