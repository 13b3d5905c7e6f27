namespace Inference

open System.Collections.Generic

/// Draws of all sites of a program, what it observes included.
[<RequireQualifiedAccess>]
module internal PriorDraws =
    /// The values of latent sites, and of observed ones what was observed less a draw, by paths within the program; plates and steps are leading
    /// axes. What follows an observed site reads what was observed.
    let ofProgram (c: ProbContext) (program: Prob<unit>) : IReadOnlyDictionary<string, Tensor> * IReadOnlyDictionary<string, Tensor> =
        let inner =
            { c.Enter "posterior" with
                Trace = Trace()
                HandOn = fun _ _ x -> x
                Recorded = null
                Shared = null
                Mask = null
                Scale = null
            }

        let stack (plates: FreeIndex list) (times: FreeIndex list) (x: Tensor) =
            let own = List.skip c.Plates.Length plates @ List.skip c.Times.Length times
            List.foldBack Structure.stack own x

        let moves = Dictionary<string, Tensor>()

        let draw (r: SiteRequest) =
            match r.IsObserved, Prob.keyOf inner r.Path with
            | true, Some key ->
                let draws = { Key = key; Plates = r.Plates; Times = r.Times }
                let value = Build.convert r.Distribution.DType r.Value
                moves[inner.Within r.Path] <- stack r.Plates r.Times (value - r.Distribution.Draw draws)
            | _ -> ()

            r

        program.Run { inner with Handlers = [ draw ] }

        readOnlyDict
            [
                for s in inner.Trace.Sites do
                    if not s.IsObserved then
                        inner.Within s.Path, stack s.Plates s.Times s.Value
            ],
        moves
