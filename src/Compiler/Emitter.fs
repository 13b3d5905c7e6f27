namespace Inference.Compiler

open System
open System.Collections.Generic

/// Appends statements to a block, folding constants and reusing what an enclosing block has computed already.
[<Sealed>]
type Emitter private (parent: Emitter option, nextId: int ref) =
    let statements = ResizeArray<Statement>()
    let known = Dictionary<struct (Arith * Operand * Operand * Operand), Operand>(HashIdentity.Structural)
    let loopValues = Dictionary<LoopVar, Var>(HashIdentity.Reference)

    let philox =
        Dictionary<struct (Operand * Operand * Operand * Operand * Operand * Operand), Operand[]>(HashIdentity.Structural)

    let products = Dictionary<Var, struct (Operand * Operand)>(HashIdentity.Reference)
    let none = Operand.Int(ScalarType.Bool, -1L)

    new() = Emitter(None, ref 0)

    member private _.Find(key) : Operand option =
        match known.TryGetValue key, parent with
        | (true, v), _ -> Some v
        | (false, _), Some(p: Emitter) -> p.Find key
        | (false, _), None -> None

    member _.Statements = List.ofSeq statements
    member _.Count = statements.Count
    /// An emitter for a nested block: what this block knows is known there, not the other way round.
    member e.Nested() = Emitter(Some e, nextId)
    member _.Append s = statements.Add s

    member _.NewVar(t, varies) =
        nextId.Value <- nextId.Value + 1
        Var(nextId.Value, t, varies)

    member _.F32(v: double) = Operand.Float(ScalarType.F32, double (float32 v))
    member _.F64(v: double) = Operand.Float(ScalarType.F64, v)
    /// A literal of a floating type.
    member e.Lit(t, v: double) = if t = ScalarType.F32 then e.F32 v else e.F64 v
    member _.Int(t, v: int64) = Operand.Int(t, v)

    /// Emits an operation, or returns what is known to equal it.
    member e.Op(op: Arith, [<ParamArray>] args: Operand[]) : Operand =
        match Fold.tryFold op args with
        | Some v -> v
        | None ->
            let arg i = if i < args.Length then args[i] else none
            let key = struct (op, arg 0, arg 1, arg 2)

            match e.Find key with
            | Some v -> v
            | None ->
                let v = e.NewVar(Fold.resultType op args, args |> Array.exists (fun a -> a.Varies))
                statements.Add(Let(v, op, args))
                known[key] <- Operand.Var v

                if op = Arith.Mul && (v.Type = ScalarType.F32 || v.Type = ScalarType.F64) then
                    products[v] <- struct (args[0], args[1])

                Operand.Var v

    /// The factors, if the operand is a product computed in this block.
    member _.ProductOf(o: Operand) : (Operand * Operand) option =
        match o with
        | Operand.Var v ->
            (match products.TryGetValue v with
             | true, struct (a, b) -> Some(a, b)
             | _ -> None)
        | Operand.Float _
        | Operand.Int _ -> None

    /// The value that a variable has now, under a name that never changes.
    member e.Copy(v: Var) : Operand =
        let r = e.NewVar(v.Type, v.Varies)
        statements.Add(Declare(r, Operand.Var v))
        Operand.Var r

    /// Assigns the result of an operation, whose operands may be the variable itself.
    member e.Update(v: Var, op: Arith, [<ParamArray>] args: Operand[]) =
        match Fold.tryFold op args with
        | Some(Operand.Var same) when obj.ReferenceEquals(same, v) -> ()
        | Some value -> statements.Add(Assign(v, value))
        | None -> statements.Add(Update(v, op, args))

    member private _.FindLoop(v) : Var option =
        match loopValues.TryGetValue v, parent with
        | (true, r), _ -> Some r
        | (false, _), Some(p: Emitter) -> p.FindLoop v
        | (false, _), None -> None

    /// The value of a loop variable as an I32.
    member e.ReadLoop(v: LoopVar) : Var =
        match e.FindLoop v with
        | Some r -> r
        | None ->
            let r = e.NewVar(ScalarType.I32, (v.Kind = LoopKind.Lane))
            statements.Add(Read(r, v))
            loopValues[v] <- r
            r

    /// The four words of a counter (its third word is `block`, its fourth `attempt`), computed once in this block.
    member e.PhiloxWords(counter: Operand[], key: Operand[]) : Operand[] =
        let id = struct (counter[0], counter[1], counter[2], counter[3], key[0], key[1])

        match philox.TryGetValue id with
        | true, words -> words
        | _ ->
            let inputs = Array.append counter key
            let varies = inputs |> Array.exists (fun o -> o.Varies)
            let words = Array.init 4 (fun _ -> e.NewVar(ScalarType.U32, varies))
            statements.Add(Philox(words, inputs))
            let operands = words |> Array.map Operand.Var
            philox[id] <- operands
            operands

    member e.Neg(a: Operand) = e.Op(Arith.Neg, a)
    member e.Abs(a: Operand) = e.Op(Arith.Abs, a)
    member e.Sqrt(a: Operand) = e.Op(Arith.Sqrt, a)
    member e.Floor(a: Operand) = e.Op(Arith.Floor, a)
    member e.Round(a: Operand) = e.Op(Arith.Round, a)
    member e.Not(a: Operand) = e.Op(Arith.Not, a)
    member e.Add(a, b) = e.Op(Arith.Add, a, b)
    member e.Sub(a, b) = e.Op(Arith.Sub, a, b)
    member e.Mul(a, b) = e.Op(Arith.Mul, a, b)
    member e.Div(a, b) = e.Op(Arith.Div, a, b)
    member e.Min(a, b) = e.Op(Arith.Min, a, b)
    member e.Max(a, b) = e.Op(Arith.Max, a, b)
    member e.And(a, b) = e.Op(Arith.And, a, b)
    member e.Or(a, b) = e.Op(Arith.Or, a, b)
    member e.Xor(a, b) = e.Op(Arith.Xor, a, b)
    member e.ShiftLeft(a: Operand, count: int) = e.Op(Arith.ShiftLeft, a, Operand.Int(ScalarType.I32, int64 count))
    member e.ShiftRight(a: Operand, count: int) = e.Op(Arith.ShiftRight, a, Operand.Int(ScalarType.I32, int64 count))
    member e.Less(a, b) = e.Op(Arith.Less, a, b)
    member e.LessEqual(a, b) = e.Op(Arith.LessEqual, a, b)
    member e.Equal(a, b) = e.Op(Arith.Equal, a, b)
    member e.Select(c, a, b) = e.Op(Arith.Select, c, a, b)
    member e.Fma(a, b, c) = e.Op(Arith.Fma, a, b, c)
    member e.Convert(a: Operand, t) = if a.Type = t then a else e.Op(Arith.Convert t, a)
    member e.Bits(a: Operand, t) = if a.Type = t then a else e.Op(Arith.Bits t, a)
