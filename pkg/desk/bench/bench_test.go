package bench

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/conversions"
	"crm-connector/pkg/core/crm"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// round is how many changes are under way at a time.
const round = 100

// BenchmarkChange is one person's change of one field of a paired contact: delivery, door, queue, consumer, merge, write,
// and the echo with everything that it sets off. ops/s counts echoes that reach a queue too.
func BenchmarkChange(b *testing.B) {
	for _, in := range []crm.System{crm.HubSpot, crm.Zoho} {
		b.Run("in="+string(in), func(b *testing.B) {
			s := must(Instant(b.Context()))(b)
			pairs := must(s.Paired(b.Context(), 500))(b)
			rounds(b, s, func(i int) error { return s.Change(in, pairs[i%len(pairs)], i) })
		})
	}
}

// BenchmarkCreation is one new contact in HubSpot with every field filled, carried to Zoho, with its echo.
func BenchmarkCreation(b *testing.B) {
	s := must(Instant(b.Context()))(b)
	rounds(b, s, func(i int) error {
		_, err := s.World.HubSpot.Create(crm.Contacts, Person(i))
		return err
	})
}

// rounds does something b.N times, a round at once, and lets everything that follows come to its end.
func rounds(b *testing.B, s *Stage, do func(i int) error) {
	before := s.Count()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		for end := min(i+round, b.N); i < end; i++ {
			if err := do(i); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Settle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	got := s.Since(before)
	if got.Parked != 0 || got.Operations < b.N {
		b.Fatalf("%+v for %d changes", got, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(float64(got.Operations)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkCalls counts requests to the CRMs, which depend neither on the machine nor on how often a scene is played.
func BenchmarkCalls(b *testing.B) {
	for _, zoho := range []string{"read", "conditional"} {
		for _, scene := range Scenes(zoho == "conditional") {
			play := sync.OnceValues(func() (Tally, error) { return scene.Play(b.Context()) })
			b.Run("zoho="+zoho+"/"+scene.Name, func(b *testing.B) {
				got := must(play())(b)
				b.ReportMetric(0, "ns/op") // says nothing here
				b.ReportMetric(float64(got.Calls())/float64(scene.Changes), "calls/change")
				b.ReportMetric(float64(got.Calls())/float64(got.Operations), "calls/op")
				b.ReportMetric(float64(got.Operations)/float64(scene.Changes), "ops/change")
			})
		}
	}
}

// offered is how many requests a second come to the door in the figure p99-at-320/s: a campaign's answers and statuses.
const offered = 320

// sojourn returns the 99th percentile of how long a request is at a door that works on one at a time, when they come at an even
// pace and take as long as they took here.
func sojourn(took []time.Duration) time.Duration {
	all := make([]time.Duration, len(took))
	free := time.Duration(0)
	for i, t := range took {
		came := time.Duration(i) * time.Second / offered
		free = max(free, came) + t
		all[i] = free - came
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// BenchmarkRefusal is one hostile body at the door, token and all: refused, and nothing stored.
func BenchmarkRefusal(b *testing.B) {
	hostile := Hostile()
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			s := must(Instant(b.Context()))(b)
			r := must(s.Submit(hostile[name].Body))(b)
			b.ResetTimer()
			for range b.N {
				answer, err := s.Door(b.Context(), r)
				if err != nil || answer.StatusCode != hostile[name].Status {
					b.Fatalf("the door answers %d, %v", answer.StatusCode, err)
				}
			}
			b.StopTimer()
			if n := must(s.Drain(conversions.Name))(b); n != 0 {
				b.Fatalf("%d messages lie in the queue", n)
			}
		})
	}
}

// BenchmarkDoor is one request: verified, parsed, its operations in their queue.
func BenchmarkDoor(b *testing.B) {
	for _, bm := range []struct {
		name   string
		from   string
		events int
		queued int // messages a request
		make   func(s *Stage, number, n int) (events.APIGatewayV2HTTPRequest, error)
	}{
		{"from=hubspot/events=1", string(crm.HubSpot), 1, 1, (*Stage).FromHubSpot},
		{"from=hubspot/events=100", string(crm.HubSpot), 100, 100, (*Stage).FromHubSpot},
		{"from=zoho/events=1", string(crm.Zoho), 1, 1, (*Stage).FromZoho},
		{"from=zoho/events=100", string(crm.Zoho), 100, 100, (*Stage).FromZoho},
		{"from=whatsapp/events=1", string(crm.WhatsApp), 1, 1, (*Stage).FromWhatsApp},
		{"from=whatsapp/events=1000", string(crm.WhatsApp), 1000, 26, (*Stage).FromWhatsApp},
		{"from=caller/events=1", conversions.Name, 1, 1, (*Stage).FromCaller},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := must(Instant(b.Context()))(b)
			took := make([]time.Duration, 0, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				b.StopTimer()
				requests := s.requests(b, i, min(round, b.N-i), bm.events, bm.make)
				b.StartTimer()
				for _, r := range requests {
					start := b.Elapsed()
					answer, err := s.Door(b.Context(), r)
					took = append(took, b.Elapsed()-start)
					if err != nil || answer.StatusCode/100 != 2 {
						b.Fatalf("the door answers %d, %v", answer.StatusCode, err)
					}
				}
				b.StopTimer()
				if n := must(s.Drain(bm.from))(b); n != len(requests)*bm.queued {
					b.Fatalf("%d messages in the queue for %d requests", n, len(requests))
				}
				i += len(requests)
				b.StartTimer()
			}
			b.StopTimer()
			if bm.from == string(crm.WhatsApp) && bm.events == 1 {
				b.ReportMetric(micros(sojourn(took)), "p99-at-320/s-us")
			}
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(micros(took[len(took)/2]), "p50-us")
			b.ReportMetric(micros(took[len(took)*99/100]), "p99-us")
		})
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// requests makes n deliveries. Time passes first, so that the queue has forgotten the last ones.
func (s *Stage) requests(b *testing.B, first, n, each int, make func(s *Stage, number, n int) (events.APIGatewayV2HTTPRequest, error)) []events.APIGatewayV2HTTPRequest {
	s.Clock.Advance(10 * time.Minute)
	var out []events.APIGatewayV2HTTPRequest
	for i := range n {
		out = append(out, must(make(s, first+i, each))(b))
	}
	return out
}
