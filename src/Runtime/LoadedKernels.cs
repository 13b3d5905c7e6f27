using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Inference;

/// <summary>
/// The methods of one compiled program, in a collectible context of their own: such code is optimised from its first call, and
/// goes when the program goes.
/// </summary>
internal sealed unsafe class LoadedKernels : IDisposable
{
    private const string ClassName = "Inference.Generated.Kernels";

    private readonly AssemblyLoadContext _context;
    private readonly nint[] _addresses;

    /// <param name="image">A portable executable.</param>
    /// <param name="count">Its kernels are K0 … K(count − 1).</param>
    /// <exception cref="BadImageFormatException">The image is no assembly.</exception>
    /// <exception cref="MissingMethodException">The image has not these kernels.</exception>
    public LoadedKernels(byte[] image, int count)
    {
        _context = new AssemblyLoadContext("Inference.Generated", isCollectible: true);
        try
        {
            Assembly assembly = _context.LoadFromStream(new MemoryStream(image, writable: false));
            Type type = assembly.GetType(ClassName)
                ?? throw new MissingMethodException($"Expected a class {ClassName} in the compiled program.");
            _addresses = [.. Enumerable.Range(0, count).Select(kernel => AddressOf(type, kernel))];
        }
        catch
        {
            _context.Unload();
            throw;
        }
    }

    /// <summary>The context, whose death tests watch.</summary>
    public AssemblyLoadContext Context => _context;

    /// <summary>The address of a kernel.</summary>
    public delegate*<byte**, byte*, int*, long, long, void> this[int kernel] =>
        (delegate*<byte**, byte*, int*, long, long, void>)_addresses[kernel];

    /// <summary>Lets the code be collected. No kernel may be running, and none may be called afterwards.</summary>
    public void Dispose() => _context.Unload();

    private static nint AddressOf(Type type, int kernel)
    {
        MethodInfo? method = type.GetMethod(
            $"K{kernel}",
            BindingFlags.Public | BindingFlags.Static,
            [typeof(byte**), typeof(byte*), typeof(int*), typeof(long), typeof(long)]);
        if (method is null || method.ReturnType != typeof(void))
        {
            throw new MissingMethodException(
                $"Expected a method static void K{kernel}(byte**, byte*, int*, long, long) in {ClassName}.");
        }

        // Compiled to machine code now, so that no run ever waits for the just-in-time compiler.
        RuntimeHelpers.PrepareMethod(method.MethodHandle);
        return method.MethodHandle.GetFunctionPointer();
    }
}
