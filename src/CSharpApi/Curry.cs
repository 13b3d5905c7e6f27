using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Delegates as the functions that the language takes.</summary>
internal static class Curry
{
    public static FSharpFunc<T1, FSharpFunc<T2, TResult>> Of<T1, T2, TResult>(Func<T1, T2, TResult> function) =>
        FuncConvert.FromFunc(function);

    public static FSharpFunc<T1, FSharpFunc<T2, FSharpFunc<T3, TResult>>> Of<T1, T2, T3, TResult>(Func<T1, T2, T3, TResult> function) =>
        FuncConvert.FromFunc(function);

    public static FSharpFunc<T1, FSharpFunc<T2, FSharpFunc<T3, FSharpFunc<T4, TResult>>>> Of<T1, T2, T3, T4, TResult>(
        Func<T1, T2, T3, T4, TResult> function) =>
        FuncConvert.FromFunc(function);
}
