// Allocations are counted for the whole process, and the worker threads of one test would compete with those of another.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
