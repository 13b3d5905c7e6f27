module Inference.Dsl.Tests.StatisticsTests

open System
open Inference.Dsl.Tests.Statistics
open Xunit

/// The quantiles of the standard normal at (k + ½)/n, by bisection.
let private quantiles n =
    let quantile p =
        let rec search low high step =
            let middle = 0.5 * (low + high)

            if step = 0 then middle
            elif normalCdf middle < p then search middle high (step - 1)
            else search low middle (step - 1)

        search -10.0 10.0 60

    Array.init n (fun k -> quantile ((double k + 0.5) / double n))

[<Fact>]
let ``Kolmogorov and Smirnov accept the quantiles of a distribution and refuse them shifted by a twentieth`` () =
    let draws = quantiles 20000
    Assert.True(kolmogorovSmirnov normalCdf draws > 0.99)
    Assert.True(kolmogorovSmirnov normalCdf (Array.map ((+) 0.05) draws) < 1e-2)
    Assert.True(kolmogorovSmirnov normalCdf (Array.map ((+) 0.1) draws) < errorRate)
    Assert.True(kolmogorovSmirnov normalCdf (Array.map ((*) 1.2) draws) < errorRate)

[<Fact>]
let ``The tails of chi-square are those of the tables`` () =
    // 5 % points
    for freedom, point in [ 1, 3.841459; 2, 5.991465; 3, 7.814728; 4, 9.487729; 9, 16.918978; 10, 18.307038 ] do
        Assert.Equal(0.05, chiSquareTail freedom point, 1e-6)

[<Fact>]
let ``Chi-square refuses counts of other probabilities`` () =
    Assert.True(chiSquare [ 0.5; 0.5 ] [ 5050; 4950 ] > 0.1)
    Assert.True(chiSquare [ 0.5; 0.5 ] [ 5300; 4700 ] < errorRate)
