using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Inference;

/// <summary>
/// The threads of a <see cref="WorkerPool"/> and the memory through which the caller speaks to them. Apart from the pool, which
/// holds it and has the finalizer, because running threads keep alive whatever they refer to.
/// </summary>
/// <remarks>
/// The caller writes a job and then its ticket, all in one cache line. A worker that sees a new ticket and is one of its
/// participants claims its block, runs it and answers with the ticket in its own line. When the caller is done with its own block it
/// claims those of workers that have not begun: they have been given no core, or not yet, and waiting costs more than the
/// block. A job is overwritten only after every block is done; who has claimed nothing reads nothing but tickets.
/// </remarks>
internal sealed unsafe class Workers
{
    private const long StopTicket = -1;
    private const int ParticipantBits = 16;
    private const int ChecksBetweenClocks = 32;

    private readonly byte[] _memory;
    private readonly Job* _job;
    private readonly Line* _callerSleeps;
    private readonly Line* _running;
    private readonly Line* _answers;
    private readonly Line* _sleepers;
    private readonly Line* _claims;
    private readonly Absence[] _absences;
    private readonly bool _mayTakeOver;
    private readonly AutoResetEvent[] _bells;
    private readonly Thread[] _threads;
    private readonly Exception?[] _failures;
    private readonly Patience _patience;
    private volatile bool _failed;

    /// <summary>The most threads a pool may have: what the ticket has room for, and far above any machine.</summary>
    public const int MaximumThreads = 1024;

    /// <summary>Starts threads 1 … count − 1; number 0 is the caller.</summary>
    public Workers(int count, bool takesOver)
    {
        _memory = GC.AllocateArray<byte>((3 * count + 4) * sizeof(Line), pinned: true);
        nint start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        var lines = (Line*)((start + sizeof(Line) - 1) & -sizeof(Line));
        _job = (Job*)lines;
        _callerSleeps = lines + 1;
        _running = lines + 2;
        _answers = lines + 3;
        _sleepers = _answers + count;
        _claims = _sleepers + count;
        _absences = new Absence[count];

        // With more threads than cores most have no core at first; the caller would do all their work.
        _mayTakeOver = takesOver && count <= Machine.Cores;
        _patience = Patience.Of(count);
        _failures = new Exception?[count];
        _bells = new AutoResetEvent[count];
        for (int w = 0; w < count; w++)
        {
            _bells[w] = new AutoResetEvent(false);
        }

        _threads = new Thread[count - 1];
        for (int w = 1; w < count; w++)
        {
            int worker = w;
            _threads[w - 1] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"inference worker {worker}" };
        }

        Start();
    }

    /// <summary>While true, workers without a job wait longer before they sleep.</summary>
    public bool Running { set => Volatile.Write(ref _running->Value, value ? 1 : 0); }

    /// <summary>Runs a kernel over blocks of items on the caller (block 0) and on workers 1 … participants − 1.</summary>
    /// <returns>The threads that ran a block.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Run(in Dispatch dispatch, int participants)
    {
        _job->Dispatch = dispatch;
        long ticket = (((_job->Ticket >> ParticipantBits) + 1) << ParticipantBits) | (uint)participants;

        // A full fence: what is read next, who sleeps, must not be older than the ticket.
        Interlocked.Exchange(ref _job->Ticket, ticket);
        WakeChildren(0, participants);
        RunBlock(0, participants);
        int ran = 1;
        for (int w = 1; w < participants; w++)
        {
            if (_mayTakeOver && Claim(w, ticket))
            {
                RunBlock(w, participants);
                _absences[w].Count();
            }
            else
            {
                AwaitAnswer(w, ticket);
                _absences[w].End();
                ran++;
            }
        }

        if (_failed)
        {
            ThrowFailure();
        }

        return ran;
    }

    /// <summary>Tells every thread to end; returns at once.</summary>
    public void Stop()
    {
        Interlocked.Exchange(ref _job->Ticket, StopTicket);
        foreach (AutoResetEvent bell in _bells)
        {
            bell.Set();
        }
    }

    /// <summary>Waits until every thread has ended, after <see cref="Stop"/>.</summary>
    public void Join()
    {
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        foreach (AutoResetEvent bell in _bells)
        {
            bell.Dispose();
        }
    }

    private void Start()
    {
        try
        {
            foreach (Thread thread in _threads)
            {
                thread.UnsafeStart();
            }
        }
        catch
        {
            // The system gave no more threads: those that run must not wait for ever.
            Stop();
            throw;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Work(int worker)
    {
        Volatile.Write(ref _absences[worker].Thread, Cores.CurrentThread());
        long seen = 0;
        while (true)
        {
            long ticket = AwaitTicket(worker, seen);
            if (ticket == StopTicket)
            {
                return;
            }

            seen = ticket;
            int participants = (int)(ticket & ((1 << ParticipantBits) - 1));
            if (worker >= participants)
            {
                continue;
            }

            WakeChildren(worker, participants);
            if (Claim(worker, ticket))
            {
                RunBlock(worker, participants);

                // A full fence again: the answer is out before this thread looks whether the caller sleeps.
                Interlocked.Exchange(ref _answers[worker].Value, ticket);
                if (Volatile.Read(ref _callerSleeps->Value) != 0)
                {
                    _bells[0].Set();
                }
            }
        }
    }

    /// <summary>Takes a worker's block of a job, unless it has been taken: tickets only grow, so that a late worker takes no block of a later job.</summary>
    private bool Claim(int worker, long ticket)
    {
        long old = Volatile.Read(ref _claims[worker].Value);
        return old < ticket && Interlocked.CompareExchange(ref _claims[worker].Value, ticket, old) == old;
    }

    private void RunBlock(int worker, int participants)
    {
        try
        {
            ref readonly Dispatch job = ref _job->Dispatch;
            long begin = job.Items * worker / participants;
            long end = job.Items * (worker + 1) / participants;
            job.Kernel(job.Buffers, job.Scratch[worker], job.Variables, begin, end);
        }
        catch (Exception failure)
        {
            _failures[worker] = failure;
            _failed = true;
        }
    }

    /// <summary>
    /// Wakes those of two workers that sleep; they wake two each. Ringing takes some 10 µs, so that one thread which woke all
    /// the others would hold up a machine of many cores.
    /// </summary>
    private void WakeChildren(int worker, int participants)
    {
        int last = Math.Min(2 * worker + 2, participants - 1);
        for (int child = 2 * worker + 1; child <= last; child++)
        {
            if (Volatile.Read(ref _sleepers[child].Value) != 0)
            {
                _bells[child].Set();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long AwaitTicket(int worker, long seen)
    {
        long since = 0;
        for (int checks = 1; ; checks++)
        {
            long ticket = Volatile.Read(ref _job->Ticket);
            if (ticket != seen)
            {
                return ticket;
            }

            Thread.SpinWait(1);
            if (checks % ChecksBetweenClocks == 0 && _patience.IsOver(ref since, Volatile.Read(ref _running->Value) != 0))
            {
                Sleep(worker, ref _sleepers[worker].Value, ref _job->Ticket, seen);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AwaitAnswer(int worker, long ticket)
    {
        long since = 0;
        for (int checks = 1; ; checks++)
        {
            long answer = Volatile.Read(ref _answers[worker].Value);
            if (answer == ticket)
            {
                return;
            }

            Thread.SpinWait(1);
            if (checks % ChecksBetweenClocks == 0 && _patience.IsOver(ref since, running: true))
            {
                Sleep(0, ref _callerSleeps->Value, ref _answers[worker].Value, answer);
            }
        }
    }

    /// <summary>Sleeps until the bell rings, unless the watched word has changed already. A bell rung in vain is harmless.</summary>
    private void Sleep(int worker, ref long asleep, ref long watched, long old)
    {
        Interlocked.Exchange(ref asleep, 1);
        try
        {
            if (Volatile.Read(ref watched) == old)
            {
                _bells[worker].WaitOne();
            }
        }
        catch (ThreadInterruptedException)
        {
            // No run can be left while others work on its memory: the interrupt is put off to where the caller waits next.
            Thread.CurrentThread.Interrupt();
        }

        Volatile.Write(ref asleep, 0);
    }

    private void ThrowFailure()
    {
        Exception first = _failures.First(failure => failure is not null)!;
        Array.Clear(_failures);
        _failed = false;
        ExceptionDispatchInfo.Throw(first);
    }

    /// <summary>How often in a row a worker had no core while the caller had one: it may be waiting for the caller's.</summary>
    private struct Absence
    {
        private const int First = 4;
        private const int Most = 64;

        /// <summary>The worker, as <see cref="Cores"/> names it.</summary>
        public int Thread;

        private int _inARow;
        private int _limit;

        /// <summary>
        /// Moves the worker to another core after some absences in a row; where that does not help, as another process wants
        /// that core, ever less often.
        /// </summary>
        public void Count()
        {
            _limit = Math.Max(_limit, First);
            if (++_inARow < _limit)
            {
                return;
            }

            _inARow = 0;
            _limit = Math.Min(2 * _limit, Most);
            Cores.MoveFromCaller(Volatile.Read(ref Thread));
        }

        public void End() => (_inARow, _limit) = (0, First);
    }

    /// <summary>A kernel and what it works on.</summary>
    public struct Dispatch
    {
        public delegate*<byte**, byte*, int*, long, long, void> Kernel;
        public byte** Buffers;
        public byte** Scratch;
        public int* Variables;
        public long Items;
    }

    /// <summary>48 bytes: one cache line carries the ticket and the job to a worker.</summary>
    private struct Job
    {
        public long Ticket;
        public Dispatch Dispatch;
    }

    /// <summary>One word alone in two lines, because processors fetch lines in pairs.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Line
    {
        public long Value;
    }
}
