namespace Inference

open System
open System.Collections.Generic

/// A value that the executable keeps between runs.
type StateDefinition =
    {
        Slot: InputSlot
        /// Row-major contents before the first run; one number fills the shape.
        Initial: double[]
        Current: Tensor
        Next: Tensor
    }

/// A closed program: (state, input) → (state, output).
type Program =
    {
        Name: string
        Inputs: (InputSlot * Tensor)[]
        States: StateDefinition[]
        Outputs: (string * Tensor)[]
    }

/// A tensor that a function takes, named and shaped where it is used.
type TensorInput =
    {
        Name: string
        Shape: int[]
    }

    /// The space of its values: one tensor of this name and shape.
    member t.Space: Space =
        let lone = (Record.space<Tensor>()).Leaves[0]

        { Name = t.Name; Leaves = [| { lone with Path = t.Name; Shape = t.Shape } |] }

/// Collects the inputs, states and outputs of a program, then closes it.
[<Sealed>]
type ProgramBuilder(name: string) =
    let inputs = ResizeArray<InputSlot * Tensor>()
    let states = ResizeArray<StateDefinition>()
    let outputs = ResizeArray<string * Tensor>()
    let names = HashSet<string>()

    let unique kind (slot: string) =
        if not (names.Add $"{kind} {slot}") then
            Fail.model $"The program \"{name}\" has two {kind}s named \"{slot}\"." "Give each its own name."

    /// A value given at each run.
    member _.Input(slotName: string, shape: int[], dtype: DType) =
        unique "input" slotName
        let slot = InputSlot(slotName, false, Location.unknown)
        let x = Tensor(Op.Input slot, [||], shape, dtype, [||])
        inputs.Add(slot, x)
        x

    /// A value that the executable keeps; unless `Next` is called it never changes.
    member _.State(slotName: string, shape: int[], dtype: DType, initial: double[]) =
        unique "state" slotName

        if initial.Length <> 1 && initial.Length <> Build.size shape then
            Fail.model
                $"The state \"{slotName}\" of shape {Fail.shape shape} needs {Build.size shape} numbers, or one, to start from; {initial.Length} came."
                "Give one number for each element, row by row."

        let slot = InputSlot(slotName, true, Location.unknown)
        let x = Tensor(Op.Input slot, [||], shape, dtype, [||])
        states.Add { Slot = slot; Initial = initial; Current = x; Next = x }
        x

    /// The parameters that values are computed from, in the order of their names, as states that start from the seed's numbers.
    member _.Parameters(roots: Tensor seq, seed: uint64) : Tensor[] =
        let found =
            Traverse.postOrder roots
            |> Array.choose (fun x ->
                match x.Op with
                | Op.Input slot when slot.IsParameter -> Some(slot, x)
                | _ -> None)
            |> Array.sortWith (fun (a, _) (b, _) -> String.CompareOrdinal(a.Name, b.Name))

        for slot, x in found do
            if not (states.Exists(fun s -> obj.ReferenceEquals(s.Current, x))) then
                unique "state" slot.Name

                states.Add { Slot = slot; Initial = slot.Initial.Invoke seed; Current = x; Next = x }

        Array.map snd found

    /// Says what a state becomes after a run.
    member _.Next(state: Tensor, next: Tensor) =
        let k = states.FindIndex(fun s -> obj.ReferenceEquals(s.Current, state))

        if k < 0 then
            Fail.model "Next was called with a value that is no state of this program." "Pass what State returned."

        if next.Shape <> state.Shape || next.DType <> state.DType then
            Fail.model
                $"The state \"{states[k].Slot.Name}\" is {state.DType}{Fail.shape state.Shape}; its next value is {next.DType}{Fail.shape next.Shape}."
                "A state keeps its shape and type."

        states[k] <- { states[k] with Next = next }

    member _.Output(outputName: string, x: Tensor) =
        unique "output" outputName
        outputs.Add(outputName, x)

    /// Closes the program. An index that escapes is an error. Parameters that nobody asked for become states from seed 0.
    member b.Build() : Program =
        let roots = Seq.append (Seq.map snd outputs) (states |> Seq.map (fun s -> s.Next)) |> Array.ofSeq
        b.Parameters(roots, 0UL) |> ignore

        let escaping what (x: Tensor) =
            match Array.tryHead x.Indices with
            | Some i ->
                Fail.model
                    $"The {what} of program \"{name}\" still varies over \"{i.Name}\"."
                    $"Reduce it (a sum, mean, maximum or expectation over \"{i.Name}\") or stack it."
            | None -> ()

        Cycles.refuse roots
        outputs |> Seq.iter (fun (n, x) -> escaping $"output \"{n}\"" x)
        states |> Seq.iter (fun s -> escaping $"state \"{s.Slot.Name}\"" s.Next)

        {
            Name = name
            Inputs = inputs.ToArray()
            States = states.ToArray()
            Outputs = outputs.ToArray()
        }
