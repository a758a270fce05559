using GeoDR.Core.Tests.Sync;
using GeoDR.Lab;
using GeoDR.Status;

namespace GeoDR.Core.Tests.Status;

public sealed class SharedReadingTests
{
    private readonly JumpingTime _time = new(DateTimeOffset.UnixEpoch);
    private TaskCompletionSource _open = new();
    private TimeSpan _takes;
    private int _begun;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public SharedReadingTests() => _open.SetResult();

    private async Task<int> ReadAsync(CancellationToken cancel)
    {
        var number = ++_begun;
        await _open.Task;
        _time.Jump(_takes);
        return number;
    }

    [Fact]
    public async Task ShortReading_ServesForASecond_ThenTheNextIsWaitedFor()
    {
        _takes = TimeSpan.FromMilliseconds(10);
        var shared = new SharedReading<int>(ReadAsync, _time);
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        _time.Jump(TimeSpan.FromMilliseconds(900));
        Assert.Equal(new Aged<int>(1, TimeSpan.FromMilliseconds(910)), await shared.GetAsync(Stop));
        _time.Jump(TimeSpan.FromMilliseconds(200));
        Assert.Equal(2, (await shared.GetAsync(Stop)).Value);
    }

    [Fact]
    public async Task LongReading_ServesUntilTheNextHasCome_AndNotForEver()
    {
        _takes = TimeSpan.FromMilliseconds(600);
        var shared = new SharedReading<int>(ReadAsync, _time);
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        _time.Jump(TimeSpan.FromSeconds(5.9));
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        Assert.Equal(1, _begun);

        _open = new();
        _time.Jump(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        Assert.Equal(2, _begun);
        _open.SetResult();
        await Wait.UntilAsync(async _ => (await shared.GetAsync(Stop)).Value == 2, TimeSpan.FromSeconds(5), () => "the second reading never served", Stop);

        _time.Jump(TimeSpan.FromSeconds(12.1));
        Assert.Equal(3, (await shared.GetAsync(Stop)).Value);
    }

    [Fact]
    public async Task ReadingThatFails_IsMadeAgain_AndWhatWasReadServesMeanwhile()
    {
        _takes = TimeSpan.FromMilliseconds(600);
        var shared = new SharedReading<int>(cancel => _begun == 1 ? Fails() : ReadAsync(cancel), _time);
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        _time.Jump(TimeSpan.FromSeconds(7));
        Assert.Equal(1, (await shared.GetAsync(Stop)).Value);
        _time.Jump(TimeSpan.FromSeconds(7));
        Assert.Equal(3, (await shared.GetAsync(Stop)).Value);

        Task<int> Fails()
        {
            _begun++;
            return Task.FromException<int>(new TimeoutException());
        }
    }
}
