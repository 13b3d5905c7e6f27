namespace Inference

open System.Collections.Generic

/// What a site leaves in a row: its path, the indices that it varies over beside the data, and its element shape.
type private SiteShape =
    {
        Path: string
        Indices: FreeIndex list
        Shape: int[]
        DType: DType
    }

    member s.RowShape = Array.append (s.Indices |> List.map (fun i -> i.Capacity) |> Array.ofList) s.Shape

/// What a fitted model is asked, as programs over rows of data. Inputs and outputs have the row as their leading axis; the extent `data`
/// says how many of `rows` there are. Fields of the datum are inputs named as a learner's are, latent values are inputs `latent.path`;
/// outputs have the paths of their sites. Plates and times within a datum are leading axes of a site's row.
[<Sealed>]
type ModelPrograms<'D>(model: Model<'D>, guide: Guide<'D>, rows: int) =
    let newData () = FreeIndex("data", Extent.UpTo("data", rows), IndexKind.Plate)
    let zero = Build.scalar DType.U32 0.0
    let zeros = [| zero; zero |]

    /// Runs a program of a datum under a handler, and returns its sites.
    let run data seed step handler (program: Prob<unit>) =
        let trace = Trace()

        program.Run
            { ProbContext.At(Draw(seed, step), trace, [ data ], []) with
                Handlers = [ handler ]
            }

        trace.Sites

    let shapeOf data (s: SiteRecord) =
        {
            Path = s.Path
            Indices = s.Plates @ s.Times |> List.filter (fun i -> not (obj.ReferenceEquals(i, data)))
            Shape = s.Distribution.Shape
            DType = s.Distribution.DType
        }

    /// The mean of a site's distribution; the most likely value of one that counts.
    let typical (r: SiteRequest) =
        let d = r.Distribution
        let mean = if d.DType.IsFloat then d.Closed Statistic.Mean else None

        match mean |> Option.orElseWith (fun () -> d.Closed Statistic.Mode) with
        | Some x -> Build.convert d.DType x
        | None ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" has a {d.Name}, whose mean is not known in closed form."
                "Encode and Decode give means: use a distribution that has one, or average over draws."

    let output (builder: ProgramBuilder) data (s: SiteRecord) =
        let x = List.foldBack Structure.stack (shapeOf data s).Indices (Build.convert DType.F32 s.Value)
        builder.Output(s.Path, Structure.stack data x)

    let latents, observed =
        let data = newData ()
        let datum = Learner<'D>.Read(ProgramBuilder model.Name, model.Datum, data)

        let sites (program: Prob<unit>) keep =
            run data zeros zeros id program |> Seq.filter keep |> Seq.map (shapeOf data) |> List.ofSeq

        sites (guide.Of datum) (fun s -> not s.IsAuxiliary), sites (model.Of datum) (fun s -> s.IsObserved)

    let space name (sites: SiteShape list) : Space =
        let lone = (Record.space<Tensor>()).Leaves[0]

        {
            Name = name
            Leaves = [| for s in sites -> { lone with Path = s.Path; Shape = s.RowShape } |]
        }

    let close (fill: ProgramBuilder -> FreeIndex -> 'D -> unit) : Program =
        Fail.within model.Name (fun () ->
            let builder, data = ProgramBuilder model.Name, newData ()
            fill builder data (Learner<'D>.Read(builder, model.Datum, data))
            builder.Build())

    /// Observed sites are given by `value`, and become outputs.
    let predicted builder data seed step (value: string -> SiteRequest -> Tensor) (program: Prob<unit>) =
        let predictions = HashSet<string>()

        let handler (r: SiteRequest) =
            if r.IsObserved then
                predictions.Add r.Path |> ignore

            { r with Value = value r.Path r; IsObserved = false }

        for s in run data seed step handler program do
            if predictions.Contains s.Path then
                output builder data s

    let sample =
        lazy
            (close (fun builder data datum ->
                let words name =
                    let x = builder.Input(name, [| 2 |], DType.U32)
                    [| Shapes.at 0 0 x; Shapes.at 0 1 x |]

                predicted builder data (words "seed") (words "step") (fun _ r -> if r.IsObserved then null else r.Value) (model.Of datum)))

    let conditions =
        lazy
            (let program = sample.Value
             let read = Traverse.postOrder (program.Outputs |> Array.map snd) |> HashSet

             let isRead (l: Leaf) =
                 program.Inputs |> Array.exists (fun (slot, x) -> slot.Name = Learner<'D>.Field l && read.Contains x)

             { model.Datum with Leaves = model.Datum.Leaves |> Array.filter isRead })

    /// The most rows of a run.
    member _.Rows = rows
    /// The sites of the guide.
    member _.Latents: Space = space "latents" latents
    /// The sites that the model observes.
    member _.Observed: Space = space "observed" observed
    /// The fields of the datum that predictions read: all but what is only observed.
    member _.Conditions: Space = conditions.Value

    /// From the fields of a datum to the means of the guide's sites, each given the means of those before it.
    member _.Encode: Program =
        close (fun builder data datum ->
            let handler (r: SiteRequest) = if isNull r.Value then { r with Value = typical r } else r

            for s in run data zeros zeros handler (guide.Of datum) do
                if not s.IsAuxiliary then
                    output builder data s)

    /// From latent values and conditions to the means of the observed sites.
    member _.Decode: Program =
        close (fun builder data datum ->
            let given = Dictionary<string, Tensor>()

            for s in latents do
                let x = builder.Input($"latent.{s.Path}", Array.append [| rows |] s.RowShape, DType.F32)

                given[s.Path] <-
                    s.Indices
                    |> List.fold (fun v i -> Structure.unstack i v) (Structure.unstack data x)
                    |> Build.convert s.DType

            let value path (r: SiteRequest) =
                match given.TryGetValue path with
                | true, x -> x
                | false, _ when r.IsObserved -> typical r
                | false, _ when not (isNull r.Value) -> r.Value
                | false, _ ->
                    Fail.at
                        r.Location
                        $"The guide does not draw the site \"{path}\", so that Decode has no value for it."
                        "Draw the site in the guide, or use Sample."

            predicted builder data zeros zeros value (model.Of datum))

    /// From words `seed` and `step` and conditions to draws of the observed sites from the prior predictive distribution.
    member _.Sample: Program = sample.Value
