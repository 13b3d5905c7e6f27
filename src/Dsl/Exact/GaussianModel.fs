namespace Inference

open System.Collections.Generic

/// What a chain carries that depends on latent sites.
type internal GaussianCarry =
    {
        Scan: Scan
        Variable: GaussianVariable
        Start: AffineForm
        Next: AffineForm
        /// After the last step, where that is read.
        Final: GaussianVariable option
    }

/// Sites in the order of the program, those of one plate or chain together.
[<RequireQualifiedAccess>]
type internal GaussianItem =
    | Site of GaussianSite
    | Plate of FreeIndex * GaussianItem list
    | Chain of FreeIndex * GaussianCarry list * GaussianItem list

/// A program whose latent sites are Gaussian, with means that are affine in latent values and covariances that do not depend on them.
type internal GaussianModel =
    {
        DType: DType
        Variables: GaussianVariable list
        /// Of these, what chains carry.
        Carried: Set<int>
        Latent: GaussianSite list
        Observed: GaussianSite list
        Items: GaussianItem list
        /// log p of all that depends on no latent site.
        Constant: Tensor
    }

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal GaussianModel =
    let private trace (program: Prob<'T>) : Trace =
        let trace = Trace()

        let standIn (r: SiteRequest) =
            if r.IsHidden then
                Fail.at
                    r.Location
                    $"The site \"{r.Path}\" is hidden by a handler, and a linear-Gaussian model has no draws."
                    "Leave Block out."

            let slot = InputSlot(r.Path, false, r.Location)
            Tensor(Op.Input slot, [||], r.Distribution.Shape, r.Distribution.DType, Array.ofList r.Indices)

        program.Run(ProbContext.At(Choose standIn, trace, [], [])) |> ignore
        trace

    /// The loops over the chains of sites, and the ends of these, as far as they are read.
    let private loops (frames: FreeIndex list) (order: Tensor[]) : Scan list * (Scan * Tensor) list =
        let isOf (s: Scan) = List.contains s.Index frames

        let scans =
            [
                for x in order do
                    match x.Op with
                    | Op.Carry(s, _)
                    | Op.Final(s, _) when isOf s -> s
                    | _ -> ()
            ]

        let finals =
            [
                for x in order do
                    match x.Op with
                    | Op.Final(s, _) when isOf s -> s, x
                    | _ -> ()
            ]

        List.distinct scans, finals

    /// What stands for the values of latent sites, what chains carry of them, and the ends of these.
    let private variables dtype (latent: SiteRecord list) (frames: FreeIndex list) (order: Tensor[]) =
        let within (x: Tensor) = x.Indices |> Array.filter (fun i -> List.contains i frames) |> List.ofArray

        let variable id name node = { Id = id; Name = name; Node = node; Within = within node; DType = dtype }

        let sites = latent |> List.mapi (fun k s -> variable k $"\"{s.Path}\"" (AffineForms.bare s.Value))
        let reads = Dependence.moving (AffineForms.nodes sites) order
        let times = latent |> List.collect (fun s -> s.Times)
        let scans, ends = loops times order

        let carried =
            [
                for s in scans do
                    for k in 0 .. s.Inits.Length - 1 do
                        if reads.Contains s.Carries[k] then
                            s, k
            ]
            |> List.mapi (fun n (s, k) -> (s, k), variable (sites.Length + n) $"what \"{s.Index.Name}\" carries" s.Carries[k])

        let first = sites.Length + carried.Length

        let ended =
            ends
            |> List.filter (fun (_, x) -> reads.Contains x)
            |> List.mapi (fun n (s, x) -> x, variable (first + n) $"what \"{s.Index.Name}\" carries at its end" x)

        sites, carried, ended

    /// Sites that stand in plates and chains from a depth on, those of one together, at the place of the last.
    let rec private items
        (carries: FreeIndex list -> FreeIndex -> GaussianCarry list)
        depth
        (sites: GaussianSite list)
        : GaussianItem list =
        let index (s: GaussianSite) = List.tryItem depth s.Frames

        [
            for k, s in List.indexed sites do
                match index s with
                | None -> GaussianItem.Site s
                | Some i ->
                    let isOf (other: GaussianSite) =
                        match index other with
                        | Some j -> obj.ReferenceEquals(i, j)
                        | None -> false

                    if not (List.exists isOf (List.skip (k + 1) sites)) then
                        let inside = items carries (depth + 1) (List.filter isOf sites)

                        if List.contains i s.Record.Times then
                            GaussianItem.Chain(i, carries (List.take (depth + 1) s.Frames) i, inside)
                        else
                            GaussianItem.Plate(i, inside)
        ]

    /// A variable is read where it stands alone.
    let private requireScope location what (frames: FreeIndex list) (form: AffineForm) =
        for v, _ in form.Terms do
            match v.Within |> List.tryFind (fun i -> not (List.contains i frames)) with
            | Some i ->
                Fail.at
                    location
                    $"{what} reads {v.Name}, which stands in \"{i.Name}\", from outside of it."
                    $"Keep what reads it in \"{i.Name}\"; of a chain its end may be read."
            | None -> ()

    /// What is read is there before: chains over one index are one loop, at the place of the last.
    let rec private requireOrder (known: Set<int>) (items: GaussianItem list) : Set<int> =
        let require location what known (form: AffineForm) =
            for v, _ in form.Terms do
                if not (Set.contains v.Id known) then
                    Fail.at
                        location
                        $"{what} reads {v.Name}, which is not known there: all that stands in one plate or chain is computed together."
                        "Give the second plate or chain an index of its own."

        let add known item =
            match item with
            | GaussianItem.Site s ->
                require s.Record.Location $"The site \"{s.Path}\"" known s.Form
                s.Variable |> Option.fold (fun all v -> Set.add v.Id all) known
            | GaussianItem.Plate(_, inside) ->
                requireOrder known inside |> ignore
                known
            | GaussianItem.Chain(time, carries, inside) ->
                let what = $"What \"{time.Name}\" carries"

                for c in carries do
                    require Location.unknown what known c.Start

                let before = carries |> List.fold (fun all c -> Set.add c.Variable.Id all) known
                let after = requireOrder before inside

                for c in carries do
                    require Location.unknown what after c.Next

                carries |> List.choose (fun c -> c.Final) |> List.fold (fun all v -> Set.add v.Id all) known

        List.fold add known items

    /// log p of what depends on no latent site, and what masked observations count too much.
    let private constant dtype variables (trace: Trace) (observed: SiteRecord list) (gaussian: GaussianSite list) : Tensor =
        let over (plates: FreeIndex list) (times: FreeIndex list) (x: Tensor) = Build.convert dtype (Structure.sum [||] (plates @ times) x)

        let isGaussian (r: SiteRecord) = gaussian |> List.exists (fun s -> s.Path = r.Path)

        trace.LooseFactors
        |> Seq.iteri (fun k f ->
            match AffineForms.variablesOf variables [| f.LogWeight |] with
            | [] -> ()
            | read ->
                let names = GaussianSite.named read

                Fail.model
                    $"Factor {k + 1} depends on {names}; in a linear-Gaussian model factors are constants."
                    "Observe a Normal in its place, or derive a bound with a guide.")

        Blocks.sum
            [
                for r in observed do
                    if not (isGaussian r) then
                        yield over r.Plates r.Times r.LogDensity.Value
                for f in trace.LooseFactors do
                    yield over f.Plates f.Times f.LogWeight
                for s in gaussian do
                    if not (isNull s.Record.Mask) then
                        let none = Build.scalar dtype (halfLogTwoPi * double s.Noise.Shape[0])
                        yield over s.Record.Plates s.Record.Times (Build.select s.Record.Mask (number none 0.0) none)
            ]

    let ofProgram (program: Prob<'T>) : GaussianModel =
        let trace = trace program
        let observed, latent = List.ofSeq trace.Sites |> List.partition (fun s -> s.IsObserved)
        List.iter GaussianSite.requireGaussian latent

        let roots =
            [|
                for s in trace.Sites do
                    yield s.Score.Value

                    if not (isNull s.Mask) then
                        yield s.Mask
                for f in trace.LooseFactors do
                    yield f.LogWeight
            |]

        let frames = trace.Sites |> Seq.collect (fun s -> s.Plates @ s.Times) |> Seq.distinct |> List.ofSeq

        let dtype =
            if latent |> List.exists (fun s -> s.Distribution.DType = DType.F64) then
                DType.F64
            else
                DType.F32

        let sites, carried, ended = variables dtype latent frames (Traverse.postOrder roots)
        let all = sites @ List.map snd carried @ List.map snd ended

        let latent = latent |> List.map (GaussianSite.latent dtype all)
        let gaussian = observed |> List.choose (GaussianSite.observed dtype all)

        for s in latent @ gaussian do
            requireScope s.Record.Location $"The site \"{s.Path}\"" s.Frames s.Form

        let carry (path: FreeIndex list) ((s: Scan, k), (v: GaussianVariable)) =
            let what = $"What \"{s.Index.Name}\" carries"
            let location = (latent |> List.find (fun l -> List.contains s.Index l.Frames)).Record.Location
            let form = GaussianSite.form dtype all location what
            let start, next = form s.Inits[k], form s.Nexts[k]
            requireScope location what (Terms.except [ s.Index ] path) start
            requireScope location what path next

            let isEnd (x: Tensor) =
                match x.Op with
                | Op.Final(other, n) -> obj.ReferenceEquals(other, s) && n = k
                | _ -> false

            {
                Scan = s
                Variable = v
                Start = start
                Next = next
                Final = ended |> List.tryFind (fst >> isEnd) |> Option.map snd
            }

        let carries (path: FreeIndex list) (time: FreeIndex) =
            carried
            |> List.filter (fun ((s, _), v) ->
                obj.ReferenceEquals(s.Index, time) && v.Within |> List.forall (fun i -> List.contains i path))
            |> List.map (carry path)

        let inOrder =
            [
                for r in trace.Sites do
                    for s in latent @ gaussian do
                        if s.Path = r.Path then
                            s
            ]

        let items = items carries 0 inOrder
        requireOrder Set.empty items |> ignore

        {
            DType = dtype
            Variables = all
            Carried = set [ for _, v in carried -> v.Id ]
            Latent = latent
            Observed = gaussian
            Items = items
            Constant = constant dtype all trace observed gaussian
        }
