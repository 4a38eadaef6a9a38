package conversion_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/conversion"
)

// sliding counts, one by one, the arrivals in the ten minutes that end at an instant.
func sliding(all []time.Time, at time.Time) (n int) {
	for _, t := range all {
		if !t.After(at) && at.Sub(t) < 10*time.Minute {
			n++
		}
	}
	return n
}

// shuffled returns the arrivals of a seed in order of time, often within seconds of the rule's edge.
func shuffled(rnd *rand.Rand) []time.Time {
	var all []time.Time
	at := noon
	for range 4 + rnd.IntN(12) {
		switch rnd.IntN(4) {
		case 0: // at the same instant
		case 1:
			at = at.Add(200 * time.Second) // three of these are the span
		case 2:
			at = at.Add(time.Duration(rnd.Int64N(int64(5 * time.Minute))))
		case 3:
			at = at.Add(199*time.Second + time.Duration(rnd.IntN(3))*time.Second)
		}
		all = append(all, at)
	}
	return all
}

func TestTooManyRepeatsIsExactlyASlidingCount(t *testing.T) {
	fired := 0
	for seed := range uint64(100_000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		all := shuffled(rnd)
		var channel conversion.Recent
		shards := make([]conversion.Recent, 1+rnd.IntN(4))
		for i, at := range all {
			want := sliding(all[:i+1], at)
			channel = channel.Plus(at)
			shard := rnd.IntN(len(shards))
			shards[shard] = shards[shard].Plus(at)
			if channel.TooMany() != (want > 3) {
				t.Fatalf("seed %d, arrival %d: %d in ten minutes, too many: %v", seed, i, want, channel.TooMany())
			}
			now := at.Add(time.Duration(rnd.Int64N(int64(11 * time.Minute))))
			if got, want := channel.Count(now), min(4, sliding(all[:i+1], now)); got != want {
				t.Fatalf("seed %d, arrival %d: %d at %s, want %d", seed, i, got, now, want)
			}
			if channel.TooMany() {
				fired++
			}
		}
		merged := conversion.Recent{}
		for _, s := range shards {
			merged = merged.Merge(s)
		}
		if merged != channel {
			t.Fatalf("seed %d: the shards together hold %v, the channel %v", seed, merged, channel)
		}
	}
	if fired < 100_000 {
		t.Errorf("the rule fired %d times only: it was hardly tried", fired)
	}
}

func TestArrivalsMayComeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := shuffled(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
		var inOrder, mixed, left, right conversion.Recent
		for _, at := range all {
			inOrder = inOrder.Plus(at)
		}
		for i, at := range rapid.Permutation(all).Draw(t, "order") {
			mixed = mixed.Plus(at)
			if i%2 == 0 {
				left = left.Plus(at)
			} else {
				right = right.Plus(at)
			}
		}
		if mixed != inOrder || left.Merge(right) != inOrder || right.Merge(left) != inOrder || inOrder.Newest() != all[len(all)-1] {
			t.Fatalf("%v, %v, %v", inOrder, mixed, left.Merge(right))
		}
	})
}

func TestFourDuplicatesInTenMinutesAreTooMany(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   []time.Duration
		want bool
	}{
		{"three at once", []time.Duration{0, 0, 0}, false},
		{"four at once", []time.Duration{0, 0, 0, 0}, true},
		{"four in 9:59", []time.Duration{0, time.Minute, 2 * time.Minute, 599 * time.Second}, true},
		{"four in 10:00", []time.Duration{0, time.Minute, 2 * time.Minute, 600 * time.Second}, false},
		{"four in 10:01", []time.Duration{0, time.Minute, 2 * time.Minute, 601 * time.Second}, false},
		{"the newest four of five", []time.Duration{0, 5 * time.Minute, 6 * time.Minute, 7 * time.Minute, 601 * time.Second}, true},
		{"none", nil, false},
	} {
		var r conversion.Recent
		for _, d := range tt.at {
			r = r.Plus(noon.Add(d))
		}
		if r.TooMany() != tt.want {
			t.Errorf("%s: %v", tt.name, r.TooMany())
		}
	}
}

func TestOnlyTheLastTenMinutesBeforeAnInstantCount(t *testing.T) {
	r := conversion.Recent{}.Plus(noon).Plus(noon.Add(time.Minute))
	for after, want := range map[time.Duration]int{
		-1: 0, 0: 1, time.Minute - 1: 1, time.Minute: 2, 10*time.Minute - 1: 2, 10 * time.Minute: 1, 11*time.Minute - 1: 1, 11 * time.Minute: 0,
	} {
		if got := r.Count(noon.Add(after)); got != want {
			t.Errorf("%s after the first: %d, want %d", after, got, want)
		}
	}
}

func TestAGuardKeepsTheChannelQuietAtItsUsualShare(t *testing.T) {
	usual := conversion.Share{Duplicates: 300, Arrivals: 10_000} // 3 %, so 9 % are three times as many
	for _, tt := range []struct {
		name   string
		guard  conversion.Guard
		span   conversion.Share
		before conversion.Share
		want   bool
	}{
		{"literal", conversion.Guard{}, conversion.Share{Duplicates: 4, Arrivals: 1000}, usual, true},
		{"3 % of a thousand, as ever", conversion.Guarded, conversion.Share{Duplicates: 30, Arrivals: 1000}, usual, false},
		{"three times as many", conversion.Guarded, conversion.Share{Duplicates: 90, Arrivals: 1000}, usual, false},
		{"more", conversion.Guarded, conversion.Share{Duplicates: 91, Arrivals: 1000}, usual, true},
		{"5 % where none were", conversion.Guarded, conversion.Share{Duplicates: 50, Arrivals: 1000}, conversion.Share{Arrivals: 10_000}, false},
		{"more", conversion.Guarded, conversion.Share{Duplicates: 51, Arrivals: 1000}, conversion.Share{Arrivals: 10_000}, true},
		{"no day before", conversion.Guarded, conversion.Share{Duplicates: 51, Arrivals: 1000}, conversion.Share{}, true},
		{"19 arrivals", conversion.Guarded, conversion.Share{Duplicates: 19, Arrivals: 19}, usual, false},
		{"20 arrivals", conversion.Guarded, conversion.Share{Duplicates: 19, Arrivals: 20}, usual, true},
		{"no arrivals", conversion.Guarded, conversion.Share{}, conversion.Share{}, false},
		{"beyond 64 bits", conversion.Guarded, conversion.Share{Duplicates: 1 << 55, Arrivals: 1 << 56}, conversion.Share{Duplicates: 1 << 54, Arrivals: 1 << 58}, true},
	} {
		if got := tt.guard.Lets(tt.span, tt.before); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestAVolumeIsUsualFrom70To130PercentOfItsMean(t *testing.T) {
	before := []int64{90, 110, 100}
	for _, tt := range []struct {
		n      int64
		before []int64
		want   conversion.Deviation
	}{
		{69, before, conversion.Low}, {70, before, conversion.Usual}, {100, before, conversion.Usual}, {130, before, conversion.Usual}, {131, before, conversion.High},
		{0, before, conversion.Low}, {0, nil, conversion.Usual}, {500, []int64{19, 19}, conversion.Usual}, {500, []int64{20, 20}, conversion.High}, {0, []int64{40, 0}, conversion.Low},
	} {
		if got := conversion.UsualVolume.Judge(tt.n, tt.before); got != tt.want {
			t.Errorf("%d after %v: %d, want %d", tt.n, tt.before, got, tt.want)
		}
	}
}

func TestAnAlarmIsToldOnceAndEndsAfterTenQuietMinutes(t *testing.T) {
	type evaluation struct {
		minute int
		fires  bool
		want   conversion.Notice
	}
	for name, steps := range map[string][]evaluation{
		"a burst":           {{0, false, conversion.Nothing}, {2, true, conversion.Raised}, {4, true, conversion.Nothing}, {12, false, conversion.Nothing}, {14, false, conversion.Recovered}, {16, false, conversion.Nothing}},
		"it comes back":     {{0, true, conversion.Raised}, {8, false, conversion.Nothing}, {9, true, conversion.Nothing}, {18, false, conversion.Nothing}, {19, false, conversion.Recovered}, {20, true, conversion.Raised}},
		"it is never quiet": {{0, true, conversion.Raised}, {30, true, conversion.Nothing}, {60, true, conversion.Nothing}},
	} {
		var a conversion.Alarm
		on := false
		for _, s := range steps {
			var got conversion.Notice
			if a, got = a.Next(noon.Add(time.Duration(s.minute)*time.Minute), s.fires); got != s.want {
				t.Errorf("%s, minute %d: %d, want %d", name, s.minute, got, s.want)
			}
			on = got == conversion.Raised || on && got != conversion.Recovered
			if a.On() != on {
				t.Errorf("%s, minute %d: on %v", name, s.minute, a.On())
			}
		}
	}
}

func TestRetriesWaitTwiceAsLongEachTimeAndEnd(t *testing.T) {
	for _, tt := range []struct {
		schedule string
		chance   float64
		want     []time.Duration
	}{
		{"", 0.5, []time.Duration{30e9, 60e9, 120e9, 240e9, 480e9}},
		{"esponenziale", 0, []time.Duration{24e9, 48e9, 96e9, 192e9, 384e9}},
		{"fisso", 0.9, []time.Duration{30e9, 30e9, 30e9, 30e9, 30e9}},
	} {
		s, ok := conversion.ParseSchedule(tt.schedule)
		if !ok {
			t.Fatalf("%q is no schedule", tt.schedule)
		}
		var got []time.Duration
		for n := 1; ; n++ {
			wait, ok := s.Wait(n, tt.chance)
			if !ok {
				break
			}
			got = append(got, wait)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, want %v", tt.schedule, got, tt.want)
		}
	}
	if _, ok := conversion.ParseSchedule("lineare"); ok {
		t.Error("takes a schedule that is none")
	}
	if _, ok := conversion.Exponential.Wait(0, 0); ok {
		t.Error("a retry before the first")
	}
	// A window is final only when the slowest of all retries is over.
	all := time.Duration(0)
	for n := 1; n <= conversion.Retries; n++ {
		wait, _ := conversion.Exponential.Wait(n, 0.999999)
		all += wait
	}
	if all >= conversion.Lateness {
		t.Errorf("retries take %s, a window waits %s", all, conversion.Lateness)
	}
}

func BenchmarkTooMany(b *testing.B) {
	var r conversion.Recent
	at := noon
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Minute)
		r = r.Plus(at)
		_ = r.TooMany()
	}
}
