module internal Inference.Dsl.Tests.Placeholder

do ()
