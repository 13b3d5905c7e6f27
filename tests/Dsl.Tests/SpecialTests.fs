module Inference.Dsl.Tests.SpecialTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Differences
open Xunit

// Reference values with 17 digits, computed in multiple precision.

let private logGammas =
    [
        1e-08, 18.420680738180209
        0.01, 4.5994798780420217
        0.3, 1.0957979948180756
        0.5, 0.57236494292470009
        0.75, 0.20328095143129537
        0.999, 0.00057803853289138024
        1.0001, -5.7713342220471268e-5
        1.3, -0.10817480950786048
        1.49, -0.12110025854219772
        1.9, -0.038984275923083362
        2.001, 0.00042310673480011699
        2.4, 0.21685932244884157
        2.6, 0.35741186354897984
        3.5, 1.2009736023470742
        5.25, 3.5613759103866969
        7.4, 7.3404049762849283
        7.9, 8.3242658680088096
        8.1, 8.7273882634320398
        20.0, 39.339884187199494
        333.3, 1600.8686940705296
        1000000.0, 12815504.569147612
    ]

let private digammas =
    [
        1e-08, -100000000.57721565
        0.01, -100.56088545786867
        0.3, -3.5025242222001331
        0.5, -1.9635100260214235
        0.75, -1.0858608797864722
        0.999, -0.57886180210864543
        1.0001, -0.57705118351433487
        1.3, -0.16919088886679961
        1.49, 0.027100275835486193
        1.9, 0.35618416116405966
        2.001, 0.42342906719069846
        2.4, 0.65290116970059809
        2.6, 0.75104745277347629
        3.5, 1.1031566406452432
        5.25, 1.5599773364075456
        7.4, 1.9323933958840008
        7.9, 2.002238487563571
        8.1, 2.0288674570805814
        20.0, 2.9705239922421491
        333.3, 5.8075420851493453
        1000000.0, 13.815510057964191
    ]

let private trigammas =
    [
        1e-08, 10000000000000001.0
        0.01, 10001.621213528313
        0.3, 12.245364546107731
        0.5, 4.9348022005446793
        0.75, 2.5418796476716065
        0.999, 1.6473414317770506
        1.0001, 1.6446936879331444
        1.3, 1.1342534349966193
        1.49, 0.9431612052475008
        1.9, 0.68797205824263566
        2.001, 0.64453019986398407
        2.4, 0.5151525088969444
        2.6, 0.46780689312457988
        3.5, 0.33035775610023486
        5.25, 0.20976041229725417
        7.4, 0.14467569960035977
        7.9, 0.13493078345663442
        8.1, 0.13139024657674373
        20.0, 0.05127082293520312
        333.3, 0.0030048054314801842
        1000000.0, 1.0000005000001667e-6
    ]

let private tetragammas =
    [
        1e-08, -1.9999999999999999e+24
        0.01, -2000002.340398677
        0.3, -75.272536588726039
        0.5, -16.82879664423432
        0.75, -5.3026332163376396
        0.999, -2.4106202092316711
        1.0001, -2.4034645367899487
        1.3, -1.1984625146519565
        1.49, -0.84306313759957973
        1.9, -0.45831281882901353
        2.001, -0.40362030970337258
        2.4, -0.26026564981742403
        2.6, -0.21529102788419888
        3.5, -0.1082040516417274
        5.25, -0.043842353871701357
        7.4, -0.020895019910210655
        7.9, -0.018179004838322605
        8.1, -0.017238826956111912
        20.0, -0.0026281224023146546
        333.3, -9.0288488877387529e-6
        1000000.0, -1.0000010000005e-12
    ]

let private logNormals =
    [
        -40.0, -804.60844201375379
        -12.0, -75.410673001568796
        -5.0, -15.064998393988726
        -1.5, -2.7059444008238898
        -0.1, -0.77615459273027333
        0.0, -0.69314718055994531
        0.2, -0.54600435372277412
        1.0, -0.17275377902344989
        3.0, -0.0013508099647481938
        6.0, -9.8658764552437573e-10
        9.0, -1.1285884059538406e-19
    ]

let private quantiles =
    [
        1e-300, -37.047096299361199
        1e-20, -9.2623400897984076
        1e-05, -4.2648907939228246
        0.02, -2.053748910631823
        0.3, -0.52440051270804082
        0.4999, -0.00025066283008800749
        0.51, 0.025068908258711058
        0.9, 1.2815515655446006
        0.99999, 4.2648907939238408
    ]

/// The largest error of a function at given points, relative to the larger of the value's size and a floor.
let private worst floor (table: (double * double) list) (values: double[]) =
    List.fold2 (fun m (_, y) v -> max m (abs (v - y) / max floor (abs y))) 0.0 table (List.ofArray values)

let private accurate bound floor (table: (double * double) list) (f: Tensor -> Tensor) =
    let error = numbers (f (vector (List.map fst table))) |> worst floor table
    Assert.True(error < bound, $"error {error}")

[<Fact>]
let ``Logarithms of the gamma function are exact to double precision, at its zeros too`` () = accurate 1e-13 0.0 logGammas L.LogGamma

[<Fact>]
let ``Polygamma functions are exact to double precision`` () =
    accurate 1e-13 1.0 digammas L.Digamma
    accurate 1e-12 0.0 trigammas (Special.polygamma 1)
    accurate 1e-12 0.0 tetragammas (Special.polygamma 2)

[<Fact>]
let ``The normal distribution function keeps its relative accuracy in both tails`` () = accurate 1e-12 0.0 logNormals L.LogNormalCdf

[<Fact>]
let ``Quantiles of the normal are exact to double precision`` () = accurate 1e-12 0.1 quantiles L.NormalQuantile

[<Fact>]
let ``Quantiles of a log-probability reach beyond what a probability can say`` () =
    let ls = [ -5000.0; -800.0; -30.0; -1.0; -0.7; -0.69; -1e-3; -1e-12 ]
    let back = numbers (L.LogNormalCdf(Special.normalQuantileOfLog (vector ls)))
    List.iter2 (fun (l: double) b -> Assert.InRange((b - l) / l, -1e-11, 1e-11)) ls (List.ofArray back)

[<Fact>]
let ``Special functions in single precision are right to some units in the last place`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))

    let test bound floor (table: (double * double) list) (f: Tensor -> Tensor) =
        let points = [| for x, _ in table -> x |]

        let program = build "special" (fun b -> b.Output("y", f (b.Input("x", [| points.Length |], DType.F32))))

        let error = (execute engine [ "x", points ] program).["y"] |> worst floor table
        Assert.True(error < bound, $"error {error}")

    // arguments that single precision holds to 1e-7 cost this much at the zeros
    test 2e-4 0.0 logGammas L.LogGamma
    test 1e-6 0.05 logGammas L.LogGamma
    test 1e-6 1.0 digammas L.Digamma
    test 2e-6 0.0 trigammas (Special.polygamma 1)
    test 1e-5 0.0 logNormals L.LogNormalCdf
    test 2e-6 1.0 (quantiles |> List.filter (fun (p, _) -> p > 1e-30 && p < 0.999)) L.NormalQuantile

[<Fact>]
let ``The zeros of the logarithm of the gamma function are exact in single precision`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))

    let program = build "zeros" (fun b -> b.Output("y", L.LogGamma(b.Input("x", [| 4 |], DType.F32))))

    let h = 1.0 / 4096.0
    let y = (execute engine [ "x", [| 1.0; 2.0; 1.0 + h; 2.0 + h |] ] program).["y"]
    Assert.Equal(0.0, y[0])
    Assert.Equal(0.0, y[1])
    // logΓ(1 + h) = −γh + ζ(2)h²/2, logΓ(2 + h) = (1 − γ)h + (ζ(2) − 1)h²/2 to third order
    let gamma, zeta = 0.57721566490153286, Math.PI * Math.PI / 6.0
    Assert.Equal(1.0, y[2] / (-gamma * h + 0.5 * zeta * h * h), 1e-5)
    Assert.Equal(1.0, y[3] / ((1.0 - gamma) * h + 0.5 * (zeta - 1.0) * h * h), 1e-5)

[<Fact>]
let ``Outside their ranges special functions are no numbers`` () =
    let outside = vector [ -0.5; -1.5; -9.0 ]
    close [ nan; nan; nan ] (numbers (L.LogGamma outside))
    close [ infinity; infinity ] (numbers (L.LogGamma(vector [ 0.0; infinity ])))
    close [ nan; nan; nan ] (numbers (L.Digamma outside))
    close [ nan; nan; nan ] (numbers (Special.polygamma 2 outside))
    close [ nan; nan ] (numbers (L.NormalQuantile(vector [ -0.1; 1.1 ])))
    refuses "Polygamma has an order of at least 1; 0 came." (fun () -> Special.polygamma 0 outside)

[<Fact>]
let ``Derivatives of special functions equal differences`` () =
    let points = vectorOf [ 0.3; 0.9; 1.4; 2.2; 6.5; 8.5; 30.0 ]
    let reals = vectorOf [ -6.0; -1.3; -0.2; 0.4; 2.5 ]
    agrees [ points ] (fun x -> L.LogGamma x[0])
    agrees [ points ] (fun x -> L.Digamma x[0])
    agrees [ vectorOf [ 0.9; 3.0; 12.0 ] ] (fun x -> Special.polygamma 1 x[0])
    agrees [ reals ] (fun x -> L.LogNormalCdf x[0])
    agrees [ vectorOf [ 0.02; 0.4; 0.55; 0.9 ] ] (fun x -> L.NormalQuantile x[0])
    agrees [ reals ] (fun x -> L.Symlog x[0])
    agrees [ reals ] (fun x -> L.Symexp(0.2 * x[0]))
    agrees [ reals ] (fun x -> L.Softplus x[0])
    agrees [ points; vectorOf [ 4.0; 0.2; 9.0; 2.2; 40.0; 0.7; 3.0 ] ] (fun x -> L.LogBeta(x[0], x[1]))
    agrees [ points; vectorOf [ 0.2; 0.5; 1.4; 3.0; 6.0; 12.0; 20.0 ] ] (fun x -> Special.logGammaDensity x[0] x[1])

[<Fact>]
let ``Softplus has slope one half at 0`` () =
    let x = scalar 0.0
    Assert.Equal(0.5, number (L.Gradient(L.Softplus x, x)), 1e-12)

[<Fact>]
let ``Symlog and symexp undo each other`` () =
    let xs = [ -1e4; -3.0; -1e-9; 0.0; 0.5; 7.0; 1e6 ]
    close xs (numbers (L.Symexp(L.Symlog(vector xs))))
    close [ -log 4.0; 0.0; log 8.0 ] (numbers (L.Symlog(vector [ -3.0; 0.0; 7.0 ])))

[<Fact>]
let ``The logarithm of the beta function is that of its integral, and keeps its digits`` () =
    // B(2, 3) = 1/12, B(½, ½) = π
    close [ -log 12.0; log Math.PI ] (numbers (L.LogBeta(vector [ 2.0; 0.5 ], vector [ 3.0; 0.5 ])))
    // B(a, 1) = 1/a
    let a = [ 1e-6; 0.1; 3.0; 1e3; 1e8 ]
    close [ for a in a -> -log a ] (numbers (L.LogBeta(vector a, 1.0)))
    // n over 0 and n over 1
    close [ 0.0; log 1e5 ] (numbers (Special.logChoose (scalar 1e5) (vector [ 0.0; 1.0 ])))

[<Fact>]
let ``The gamma density is that of the formula`` () =
    for a, x in [ 0.3, 1e-5; 1.0, 0.2; 2.5, 9.0; 40.0, 41.0; 900.0, 850.0 ] do
        let expected = (a - 1.0) * log x - x - number (L.LogGamma(scalar a))
        Assert.Equal(expected, number (Special.logGammaDensity (scalar a) (scalar x)), 1e-11 * (1.0 + a))
