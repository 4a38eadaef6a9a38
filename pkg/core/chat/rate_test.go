package chat_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
)

func TestTheWindowIsOpenForTwentyFourHours(t *testing.T) {
	for after, open := range map[time.Duration]bool{0: true, 24*time.Hour - 1: true, 24 * time.Hour: false, 25 * time.Hour: false, -time.Second: true} {
		if chat.WindowOpen(noon, noon.Add(after)) != open {
			t.Errorf("%s after: open %t", after, !open)
		}
	}
	if chat.WindowOpen(time.Time{}, noon) {
		t.Error("open to somebody who never wrote")
	}
}

// sends plays a sender who asks at the moments given and waits as he is told; it returns when he sent.
func sends(r chat.Rate, gaps []time.Duration) []time.Time {
	var full time.Time
	var sent []time.Time
	now := noon
	for _, gap := range gaps {
		now = now.Add(gap)
		for {
			next, wait := r.Take(full, now, 1)
			if full = next; wait == 0 {
				break
			}
			now = now.Add(wait)
		}
		sent = append(sent, now)
	}
	return sent
}

// most returns how many were sent in the fullest window of that length.
func most(sent []time.Time, window time.Duration) int {
	out, from := 0, 0
	for to, at := range sent {
		for at.Sub(sent[from]) >= window {
			from++
		}
		out = max(out, to-from+1)
	}
	return out
}

func TestNobodySendsFasterThanMetaAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 1, 5, 900, 7000, 60000}).Draw(t, "ms")) * time.Millisecond
		}), 1, 300).Draw(t, "gaps")
		for _, tt := range []struct {
			rate   chat.Rate
			window time.Duration
			most   int
		}{
			{chat.NumberRate, time.Second, 80}, {chat.CoexistenceRate, time.Second, 20},
			{chat.PairRate, 6 * time.Second, 46}, {chat.PairRate, 10 * time.Minute, 145},
		} {
			if n := most(sends(tt.rate, gaps), tt.window); n > tt.most {
				t.Fatalf("%d in %s, %d are allowed", n, tt.window, tt.most)
			}
		}
	})
}

func TestTheLanesOfARateGrantTogetherWhatItDoesAndNoMore(t *testing.T) {
	for _, tt := range []struct {
		rate chat.Rate
		most int
	}{{chat.NumberRate, 80}, {chat.CoexistenceRate, 20}} {
		for _, gap := range []time.Duration{0, time.Millisecond, 17 * time.Millisecond, 300 * time.Millisecond} {
			var all []time.Time
			for i := range tt.rate.Burst {
				gaps := make([]time.Duration, 60)
				gaps[0], gaps[30] = time.Duration(i)*gap, time.Second+time.Duration(i)*gap
				all = append(all, sends(tt.rate.Lane(), gaps)...)
			}
			slices.SortFunc(all, time.Time.Compare)
			if n := most(all, time.Second); n > tt.most {
				t.Errorf("%d in a second, %d are allowed", n, tt.most)
			}
			if gap == 0 && all[tt.rate.Burst-1] != noon {
				t.Errorf("of %d at once the last went after %s", tt.rate.Burst, all[tt.rate.Burst-1].Sub(noon))
			}
		}
	}
}

func TestASlowSenderNeverWaitsAndABurstIsPaidBack(t *testing.T) {
	var slow []time.Duration
	for range 100 {
		slow = append(slow, 6*time.Second)
	}
	if sent := sends(chat.PairRate, slow); sent[99].Sub(noon) != 600*time.Second {
		t.Errorf("the hundredth went after %s", sent[99].Sub(noon))
	}
	burst := sends(chat.PairRate, make([]time.Duration, 46))
	if burst[44] != noon || burst[45].Sub(noon) != 6*time.Second {
		t.Errorf("the 45th after %s, the 46th after %s", burst[44].Sub(noon), burst[45].Sub(noon))
	}
	full, wait := chat.PairRate.Take(time.Time{}, noon, 45)
	if wait != 0 {
		t.Fatal("a burst is not granted")
	}
	if kept, wait := chat.PairRate.Take(full, noon.Add(60*time.Second), 45); kept != full || wait != 210*time.Second {
		t.Errorf("after a minute of silence 45 more wait %s", wait)
	}
	if _, wait := chat.PairRate.Take(full, noon, 46); wait >= 0 {
		t.Error("more than a burst at once is granted")
	}
}

func TestRefusalsForThePairRateAreWaitedOutLongerAndLonger(t *testing.T) {
	for n, want := range map[int]time.Duration{0: time.Second, 1: 4 * time.Second, 4: 256 * time.Second, 5: 15 * time.Minute, 500: 15 * time.Minute} {
		if got := chat.PairBackoff(n); got != want {
			t.Errorf("refusal %d: %s, want %s", n, got, want)
		}
	}
}
