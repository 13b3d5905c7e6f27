namespace Inference

/// Models of one datum, and of all data.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Model =
    /// A model of a datum: a tensor or a record of tensors. Called once for each program; must be pure.
    let define (name: string) (program: 'D -> Prob<'T>) : Model<'D> =
        let datum = Record.space<'D>()
        Model<'D>(name, datum, Definition.traced name datum program)

    /// A model of a datum that is one tensor of a stated shape.
    let defineTensor (name: string) (datum: TensorInput) (program: Tensor -> Prob<'T>) : Model<Tensor> =
        Model<Tensor>(name, datum.Space, Definition.traced name datum.Space program)

    /// A model of a datum that is two tensors of stated shapes, such as an image and its label.
    let defineTensors (name: string) (first: TensorInput) (second: TensorInput) (program: Tensor -> Tensor -> Prob<'T>) =
        let datum = Definition.both first second
        let program (struct (a, b)) = program a b
        Model<struct (Tensor * Tensor)>(name, datum, Definition.traced name datum program)

    /// A model with global variables: what is drawn once for all data stands outside their plate, which the program opens by `data.Plate`. Called
    /// once for each program; must be pure.
    let withGlobals (name: string) (program: Data<'D> -> Prob<'T>) : GlobalModel<'D> =
        let datum = Record.space<'D>()
        GlobalModel<'D>(name, datum, Definition.tracedOfData name datum program)

/// Guides of models of one datum, and of all data.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Guide =
    /// A guide for a datum: a tensor or a record of tensors. Called once for each program; must be pure.
    let define (name: string) (program: 'D -> Prob<'T>) : Guide<'D> =
        let datum = Record.space<'D>()
        Guide<'D>(name, datum, Definition.traced name datum program)

    /// A guide for a datum that is one tensor of a stated shape.
    let defineTensor (name: string) (datum: TensorInput) (program: Tensor -> Prob<'T>) : Guide<Tensor> =
        Guide<Tensor>(name, datum.Space, Definition.traced name datum.Space program)

    /// A guide for a datum that is two tensors of stated shapes.
    let defineTensors (name: string) (first: TensorInput) (second: TensorInput) (program: Tensor -> Tensor -> Prob<'T>) =
        let datum = Definition.both first second
        let program (struct (a, b)) = program a b
        Guide<struct (Tensor * Tensor)>(name, datum, Definition.traced name datum program)

    /// A guide of a model with global variables. Called once for each program; must be pure.
    let withGlobals (name: string) (program: Data<'D> -> Prob<'T>) : GlobalGuide<'D> =
        let datum = Record.space<'D>()
        GlobalGuide<'D>(name, datum, Definition.tracedOfData name datum program)
