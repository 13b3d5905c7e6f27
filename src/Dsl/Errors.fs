namespace Inference

open System
open System.Diagnostics
open System.IO

/// A place in the user's own file.
[<Struct>]
type Location =
    {
        File: string
        Line: int
    }

    /// True when no place is known.
    member location.IsUnknown = String.IsNullOrEmpty location.File

    override location.ToString() =
        if location.IsUnknown then
            ""
        else
            $"{Path.GetFileName location.File}:{location.Line}"

module Location =
    let unknown = { File = null; Line = 0 }

    let private own =
        set [ "Inference.Dsl"; "Inference.Compiler"; "Inference.Runtime"; "Inference.CSharpApi"; "FSharp.Core" ]

    let private isUserFrame (frame: StackFrame) =
        match frame.GetMethod() with
        | null -> false
        | m ->
            match m.Module.Assembly.GetName().Name with
            | null -> false
            | name -> not (own.Contains name || name.StartsWith("System.", StringComparison.Ordinal) || name = "System")

    /// The nearest frame of the caller's stack that is the user's. Walks the stack, so it is only for errors.
    let ofUser () =
        let trace = StackTrace(true)

        let userFrame =
            trace.GetFrames()
            |> Seq.tryFind (fun f -> isUserFrame f && not (String.IsNullOrEmpty(f.GetFileName())))

        match userFrame with
        | Some f -> { File = f.GetFileName(); Line = f.GetFileLineNumber() }
        | None -> unknown

/// A model that cannot mean anything: names what is wrong, where it is in the user's file, and what would mend it.
type ModelException(problem: string, location: Location, model: string, mend: string) =
    inherit Exception(ModelException.Format(problem, location, model, mend))

    /// What is wrong: the site or field, what was expected and what came.
    member _.Problem = problem
    /// Where it is in the user's file.
    member _.Location = location
    /// The name of the model that it is in, or an empty string.
    member _.Model = model
    /// What would mend it.
    member _.Mend = mend

    static member private Format(problem, location: Location, model: string, mend: string) =
        let place =
            match location.IsUnknown, String.IsNullOrEmpty model with
            | true, true -> []
            | false, true -> [ $"  at {location}" ]
            | true, false -> [ $"  in model \"{model}\"" ]
            | false, false -> [ $"  at {location}, in model \"{model}\"" ]

        let cure = if String.IsNullOrEmpty mend then [] else [ "  " + mend ]
        String.Join(Environment.NewLine, problem :: place @ cure)

module Fail =
    /// Raises a ModelException at the nearest user frame.
    let model problem mend : 'a = raise (ModelException(problem, Location.ofUser (), "", mend))

    /// Raises a ModelException at a known place, or at the nearest user frame if the place is unknown.
    let at (location: Location) problem mend : 'a =
        raise (ModelException(problem, (if location.IsUnknown then Location.ofUser () else location), "", mend))

    /// Does some work on a model; what is wrong there is raised with the model's name.
    let within (model: string) (work: unit -> 'a) : 'a =
        try
            work ()
        with :? ModelException as e when String.IsNullOrEmpty e.Model ->
            raise (ModelException(e.Problem, e.Location, model, e.Mend))

    /// An element shape as a reader writes it: [3, 4], or "a scalar".
    let shape (shape: int[]) =
        if shape.Length = 0 then
            "[] (a scalar)"
        else
            "[" + String.Join(", ", shape) + "]"
