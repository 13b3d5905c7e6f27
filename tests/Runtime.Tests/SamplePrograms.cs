using Inference.Compiler;

namespace Inference.Runtime.Tests;

/// <summary>Programs as the compiler would hand them over.</summary>
internal static class SamplePrograms
{
    private const string Signature = "(byte** buffers, byte* scratch, int* variables, long begin, long end)";

    /// <summary>
    /// y = a·x·(1 + … + sweeps) by a loop of sweeps over y += a·x·counter, in tiles of 16 of an extent of up to 1000 rows, and the
    /// sum of y on one thread.
    /// </summary>
    public static CompiledProgram Saxpy() => new PlanBuilder("saxpy", $$"""
            public static void K0{{Signature}}
            {
                float* y = (float*)buffers[2];
                for (long i = begin * 16; i < end * 16; i++) y[i] = 0;
            }
            public static void K1{{Signature}}
            {
                float* x = (float*)buffers[0]; float a = ((float*)buffers[1])[0]; float* y = (float*)buffers[2];
                for (long i = begin * 16; i < end * 16; i++) y[i] += a * x[i] * (variables[2] + 1);
            }
            public static void K2{{Signature}}
            {
                float* y = (float*)buffers[2]; double sum = 0;
                for (int i = 0; i < variables[0]; i++) sum += y[i];
                ((double*)buffers[3])[0] = sum;
            }
        """)
        .Extent("rows", 1000)
        .Extent("sweeps", 3)
        .Input("x", ElementType.Float32, 1000)
        .Input("a", ElementType.Float32)
        .Output("y", ElementType.Float32, 1000)
        .Output("sum", ElementType.Float64)
        .Kernel(1, extent: 0, tile: 16)
        .Loop(1, loop => loop.Kernel(1, extent: 0, tile: 16), extent: 1, tile: 1)
        .Kernel(1, parallel: false)
        .Build();

    /// <summary>For each of a number of items the thread that ran it, and how often it ran.</summary>
    public static CompiledProgram ThreadOfItem(int items, bool parallel = true) => new PlanBuilder("threads", $$"""
            public static void K0{{Signature}}
            {
                for (long i = begin; i < end; i++)
                {
                    ((int*)buffers[0])[i] = System.Environment.CurrentManagedThreadId;
                    ((int*)buffers[1])[i]++;
                }
            }
        """)
        .Output("thread", ElementType.Int32, items)
        .Output("times", ElementType.Int32, items)
        .Kernel(items, parallel)
        .Build();

    /// <summary>For each worker, which has one item, the bytes that its thread has allocated so far.</summary>
    public static CompiledProgram AllocatedByWorker(int workers) => new PlanBuilder("allocated", $$"""
            public static void K0{{Signature}}
            {
                ((double*)buffers[0])[begin] = System.GC.GetAllocatedBytesForCurrentThread();
            }
        """)
        .Output("bytes", ElementType.Float64, workers)
        .Kernel(workers)
        .Build();

    /// <summary>position += push; the other state, of many elements, is filled with push.</summary>
    public static CompiledProgram Integrator(int many = 4) => new PlanBuilder("integrator", $$"""
            public static void K0{{Signature}}
            {
                float push = ((float*)buffers[0])[0];
                ((float*)buffers[2])[0] = ((float*)buffers[1])[0] + 1;
                ((float*)buffers[2])[1] = ((float*)buffers[1])[1] + 2;
                for (int i = 0; i < {{many}}; i++) ((float*)buffers[4])[i] = 0;
                ((float*)buffers[4])[{{many - 1}}] = push;
            }
        """)
        .Input("push", ElementType.Float32)
        .State("position", [10, 20])
        .State("memory", new float[many])
        .Kernel(1, parallel: false)
        .Build();

    /// <summary>A check that fails as often as the input says, a probe that shows twice the input, and a state that counts runs.</summary>
    public static CompiledProgram Checked() => new PlanBuilder("checked", $$"""
            public static void K0{{Signature}}
            {
                float x = ((float*)buffers[0])[0];
                ((float*)buffers[2])[0] = ((float*)buffers[1])[0] + 1;
                ((float*)buffers[3])[0] = x;
                ((double*)buffers[4])[0] = 2 * x;
                ((double*)buffers[4])[1] = 3 * x;
            }
        """)
        .Input("x", ElementType.Float32)
        .State("runs", [0])
        .Output("scale > 0", OutputKind.Check, "The site \"z\" needs a positive scale.", ElementType.Float32)
        .Output("twice", OutputKind.Probe, "", ElementType.Float64, 2)
        .Kernel(1, parallel: false)
        .Build();

    /// <summary>Throws in one of 100 items, the one that the input names; none if it is negative.</summary>
    public static CompiledProgram Thrower() => new PlanBuilder("thrower", $$"""
            public static void K0{{Signature}}
            {
                for (long i = begin; i < end; i++)
                    if (i == ((int*)buffers[0])[0]) throw new System.ArithmeticException("item " + i);
            }
        """)
        .Input("item", ElementType.Int32)
        .Kernel(100)
        .Build();

    /// <summary>Says in input 0 that it runs, and runs until input 1 is not 0.</summary>
    public static CompiledProgram Waiter() => new PlanBuilder("waiter", $$"""
            public static void K0{{Signature}}
            {
                System.Threading.Volatile.Write(ref *(int*)buffers[0], 1);
                while (System.Threading.Volatile.Read(ref *(int*)buffers[1]) == 0) System.Threading.Thread.Sleep(1);
            }
        """)
        .Input("running", ElementType.Int32)
        .Input("release", ElementType.Int32)
        .Kernel(1, parallel: false)
        .Build();

    /// <summary>A slot of every type, doing nothing.</summary>
    public static CompiledProgram EveryType() => new PlanBuilder("types", $$"""
            public static void K0{{Signature}} { ((int*)buffers[4])[0] = ((int*)buffers[3])[0]; }
        """)
        .Input("single", ElementType.Float32, 2, 2)
        .Input("double", ElementType.Float64, 2)
        .Input("int", ElementType.Int32, 3)
        .Input("bool", ElementType.Bool, 2)
        .Output("flag", ElementType.Bool)
        .Kernel(1, parallel: false)
        .Build();

    /// <summary>Source that does not compile.</summary>
    public static CompiledProgram Broken() => new PlanBuilder("broken", $$"""
            public static void K0{{Signature}}
            {
                float y = undefined + 1;
            }
        """)
        .Kernel(1)
        .Build();
}
