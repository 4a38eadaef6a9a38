package counting

import (
	"context"
	"fmt"
	"maps"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// volumeDays is how many days the last whole hour is compared with.
const volumeDays = 7

// hoursKept is how long the arrivals of an hour are remembered behind its start: as long as some hour is compared with it, also where
// clocks go back meanwhile.
const hoursKept = (volumeDays + 1) * 24 * time.Hour

// hours are how many events of a channel arrived in each hour, by its start in seconds since 1970.
type hours map[int64]int64

func hoursKey(s scope) row.Key { return row.Key{Part: "L#" + s.String(), Sort: only} }

// volume compares what arrived in the last whole hour with the same hour of the days before, counting those on which anything arrived
// in it. What an event tells of itself is another time: a sender that collects and sends later is as regular as any other. Too few are
// told if what still waits to be counted could not make up for them, whatever channel it is of.
func (k *Clock) volume(ctx context.Context, s scope, p pulse, now time.Time) ([]finding, error) {
	if k.Rules.Volume == (conversion.Volume{}) {
		return nil, nil
	}
	arrived, err := k.Counter.remember(ctx, s, p, now)
	if err != nil {
		return nil, err
	}
	start := now.Truncate(time.Hour).Add(-time.Hour).In(k.Zone)
	n := arrived[start.Unix()]
	var before []int64
	sum := int64(0)
	for d := 1; d <= volumeDays; d++ {
		if b := arrived[start.AddDate(0, 0, -d).Truncate(time.Hour).Unix()]; b > 0 {
			before, sum = append(before, b), sum+b
		}
	}
	deviation := k.Rules.Volume.Judge(n, before)
	if deviation == conversion.Low {
		waiting, err := k.Queues.Waiting(ctx)
		if err != nil {
			return nil, fmt.Errorf("counting.Clock: the queues: %w", err)
		}
		deviation = min(k.Rules.Volume.Judge(n+waiting, before), conversion.Usual)
	}
	if deviation == conversion.Usual {
		return nil, nil
	}
	mean := sum / int64(len(before)) // Judge finds nothing unusual without any
	text := fmt.Sprintf(wordsOf(k.Language).Volume, n, start.Format("15:04"), mean)
	return []finding{{rule: RuleVolume, key: s.String(), text: text}}, nil
}

// remember carries the whole hours of a channel's pulses over into its row, where they are kept for longer than in a pulse, which is
// written with every batch. It returns what the row has then, and writes it once an hour, and when
// a queue that was held up has told more.
func (c *Counter) remember(ctx context.Context, s scope, p pulse, now time.Time) (known hours, err error) {
	err = c.retry(ctx, func() error {
		d := newDraft(c.Store)
		if err := d.load(ctx, hoursKey(s)); err != nil {
			return err
		}
		known = hours{}
		if err := d.read(hoursKey(s), &known); err != nil {
			return err
		}
		old := maps.Clone(known)
		known.learn(p.Hours, now)
		if maps.Equal(old, known) {
			return nil
		}
		if err := d.write(hoursKey(s), known, now.Add(hoursKept)); err != nil {
			return err
		}
		return d.save(ctx)
	})
	return known, err
}

// learn takes over the beats that are whole and that no shard has dropped yet, and forgets what nothing is compared with any more.
func (h hours) learn(beats []beat, now time.Time) {
	whole := hours{}
	for _, b := range beats {
		if b.At < now.Truncate(time.Hour).Unix() && !ended(b, now, time.Hour, daySpan-time.Hour) {
			whole[b.At] += b.Arrivals
		}
	}
	maps.Copy(h, whole)
	maps.DeleteFunc(h, func(at, _ int64) bool { return at < now.Add(-hoursKept-time.Hour).Unix() })
}
