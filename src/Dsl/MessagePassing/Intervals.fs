namespace Inference

open System

/// Conditions that hold where a linear form of sites lies between limits, as comparisons say it.
type internal Interval =
    {
        /// Without an offset.
        Form: LinearForm
        Low: Tensor option
        High: Tensor option
    }

[<RequireQualifiedAccess>]
module internal Intervals =
    let private isKnown value (x: Tensor) =
        match Known.numbers x with
        | Some values -> Array.forall ((=) value) values
        | None -> false

    let private isNothing (f: LinearForm) = f.Terms |> List.forall (fun t -> isKnown 0.0 t.Coefficient)

    let private apart (f: LinearForm) = { f with Offset = Build.constantOf f.Offset.DType f.Offset.Shape [| 0.0 |] }

    /// L > 0, as limits of L without its offset.
    let private above (l: LinearForm) = { Form = apart l; Low = Some -l.Offset; High = None }

    let private mirrored (i: Interval) =
        {
            Form = LinearForms.minus i.Form
            Low = Option.map (~-) i.High
            High = Option.map (~-) i.Low
        }

    /// Two intervals as limits of one form, if they are of one form but for its sign.
    let private aligned (a: Interval) (b: Interval) =
        if isNothing (LinearForms.sum a.Form (LinearForms.minus b.Form)) then Some(a, b)
        elif isNothing (LinearForms.sum a.Form b.Form) then Some(a, mirrored b)
        else None

    let private joined f (a: Tensor option) (b: Tensor option) =
        match a, b with
        | Some x, Some y -> Some(f x y)
        | Some x, None
        | None, Some x -> Some x
        | None, None -> None

    let private intersected (a: Interval) (b: Interval) = { a with Low = joined larger a.Low b.Low; High = joined smaller a.High b.High }

    let private chosen (condition: Tensor) (a: Interval) (b: Interval) =
        let limit (otherwise: double) (x: Tensor option) (y: Tensor option) =
            match x, y with
            | None, None -> None
            | _ ->
                let value (v: Tensor option) = v |> Option.defaultValue (number a.Form.Offset otherwise)
                Some(Build.select condition (value x) (value y))

        { a with
            Low = limit Double.NegativeInfinity a.Low b.Low
            High = limit Double.PositiveInfinity a.High b.High
        }

    let rec private bare (x: Tensor) =
        match x.Op with
        | Op.Check _
        | Op.Probe _ -> bare x.Inputs[0]
        | _ -> x

    let private formOf (read: Tensor -> Reading) (x: Tensor) =
        match read x with
        | Reading.Linear f -> Some f
        | Reading.Constant -> Some(LinearForms.constant x)
        | Reading.Nonlinear -> None

    /// x < y.
    let private compared read (x: Tensor) (y: Tensor) =
        match formOf read x, formOf read y, (bare x).Op with
        | Some a, Some b, _ -> Some(above (LinearForms.sum b (LinearForms.minus a)))
        | None, Some b, Op.Unary UnaryOp.Abs when b.Terms.IsEmpty ->
            formOf read (bare x).Inputs[0]
            |> Option.map (fun l ->
                {
                    Form = apart l
                    Low = Some(-b.Offset - l.Offset)
                    High = Some(b.Offset - l.Offset)
                })
        | _ -> None

    /// A condition as an interval, if it is one.
    let rec ofCondition (read: Tensor -> Reading) (condition: Tensor) : Interval option =
        let x = bare condition
        let both f a b = Option.map2 aligned a b |> Option.flatten |> Option.map (fun (a, b) -> f a b)

        match x.Op with
        | Op.Binary(BinaryOp.Less | BinaryOp.LessEqual) -> compared read x.Inputs[0] x.Inputs[1]
        | Op.Binary BinaryOp.And -> both intersected (ofCondition read x.Inputs[0]) (ofCondition read x.Inputs[1])
        | Op.Select when read x.Inputs[0] = Reading.Constant ->
            both (chosen x.Inputs[0]) (ofCondition read x.Inputs[1]) (ofCondition read x.Inputs[2])
        | _ -> None

    /// A log-weight that is 0 in an interval and −∞ elsewhere.
    let rec ofLogWeight (read: Tensor -> Reading) (logWeight: Tensor) : Interval option =
        let x = bare logWeight

        match x.Op with
        | Op.Select when read x.Inputs[0] = Reading.Constant ->
            Option.map2 aligned (ofLogWeight read x.Inputs[1]) (ofLogWeight read x.Inputs[2])
            |> Option.flatten
            |> Option.map (fun (a, b) -> chosen x.Inputs[0] a b)
        | Op.Select when isKnown 0.0 x.Inputs[1] && isKnown Double.NegativeInfinity x.Inputs[2] -> ofCondition read x.Inputs[0]
        | _ -> None
