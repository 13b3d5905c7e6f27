namespace Inference

open System
open System.Collections.Generic

/// Programs made from programs by changing what becomes of their sites. Handlers compose: the innermost is asked first, and those further
/// out see what it made of the site. Sites are named by their paths within the program that is handled.
[<RequireQualifiedAccess>]
module Handle =
    let private under (handler: ProbContext -> string -> SiteRequest -> SiteRequest) (body: Prob<'T>) =
        Prob<'T>(fun c ->
            let handle (r: SiteRequest) = handler c (c.Within r.Path) r
            body.Run { c with Handlers = handle :: c.Handlers })

    /// Handles the sites that are named, each of which must occur.
    let private named what (names: string seq) (handle: string -> SiteRequest -> SiteRequest) (body: Prob<'T>) =
        Prob<'T>(fun c ->
            let wanted, met, others = HashSet<string>(names), HashSet<string>(), List<string>()

            let handler _ path r =
                if wanted.Contains path then
                    met.Add path |> ignore
                    handle path r
                else
                    others.Add path
                    r

            let result = (under handler body).Run c

            match wanted |> Seq.tryFind (met.Contains >> not) with
            | Some absent ->
                let present =
                    Seq.append met others |> Seq.distinct |> Seq.map (fun p -> $"\"{p}\"") |> String.concat ", "

                Fail.model $"{what} names the site \"{absent}\", which the program does not make." $"It makes {present}."
            | None -> result)

    /// The given sites are observed: each has its value, and its log-density weighs the run. A site that has a value already is an error.
    let condition (values: IReadOnlyDictionary<string, Tensor>) (body: Prob<'T>) : Prob<'T> =
        let observe path (r: SiteRequest) =
            if not (isNull r.Value) then
                Fail.at
                    r.Location
                    $"Condition gives the site \"{path}\" a value; it has one already."
                    "Leave it out, or handle the program by Predict first, which draws what it observes."

            { r with Value = values[path]; IsObserved = true }

        named "Condition" values.Keys observe body

    /// The given sites are set from outside, Pearl's do(x), whatever value they had: they are no random choices any more and do not weigh
    /// the run.
    let intervene (values: IReadOnlyDictionary<string, Tensor>) (body: Prob<'T>) : Prob<'T> =
        let set path (r: SiteRequest) = { r with Value = values[path]; IsObserved = false; IsFixed = true }

        named "Intervene" values.Keys set body

    /// Sites that have no value yet take those of a trace where it has them.
    let replay (trace: Trace) (body: Prob<'T>) : Prob<'T> =
        let give _ path (r: SiteRequest) =
            match isNull r.Value, trace.TryFind path with
            | true, Some site -> { r with Value = site.Value }
            | _ -> r

        under give body

    /// Observed sites are drawn as the others are: what the model predicts.
    let predict (body: Prob<'T>) : Prob<'T> =
        under (fun _ _ r -> if r.IsObserved then { r with Value = null; IsObserved = false } else r) body

    /// Hides sites from handlers further out and from the trace: they are drawn, and not scored. No names: all.
    let block (names: string seq) (body: Prob<'T>) : Prob<'T> =
        let hide (r: SiteRequest) = { r with IsHidden = true }

        if Seq.isEmpty names then
            under (fun _ _ r -> hide r) body
        else
            named "Block" names (fun _ r -> hide r) body

    /// The named sites' values reach the rest of the program as constants: derivatives by them stop there, so that what reads them teaches
    /// nothing to what made them. No names: all.
    let cut (names: string seq) (body: Prob<'T>) : Prob<'T> =
        let stop (r: SiteRequest) = { r with Pass = r.Pass >> Calculus.stopGradient }

        if Seq.isEmpty names then
            under (fun _ _ r -> stop r) body
        else
            named "Cut" names (fun _ r -> stop r) body

    /// Sites and factors count only where a condition holds, for each value of the plates that it varies over. Observations that are
    /// masked may be missing: NaN.
    let mask (condition: Tensor) (body: Prob<'T>) : Prob<'T> =
        if condition.DType <> DType.Bool || not condition.IsScalar then
            Fail.model $"A mask is one Bool for each value of a plate; {condition} came." "Compare first, and unstack along the plate."

        Prob<'T>(fun c ->
            body.Run
                { c with
                    Mask = (if isNull c.Mask then condition else Build.binary BinaryOp.And c.Mask condition)
                })

    /// Log-densities and factors count so many times: N/B for B of N data.
    let scale (factor: Tensor) (body: Prob<'T>) : Prob<'T> =
        if not factor.IsScalar || not factor.DType.IsFloat then
            Fail.model $"A scale is one number; {factor} came." "Give a floating-point scalar."

        Prob<'T>(fun c -> body.Run { c with Scale = (if isNull c.Scale then factor else c.Scale * factor) })

    /// The program's result together with its trace.
    let trace (body: Prob<'T>) : Prob<struct ('T * Trace)> =
        Prob(fun c ->
            let own = Trace c.Path
            let result = body.Run { c with Trace = own }
            c.Trace.Include own
            struct (result, own))
