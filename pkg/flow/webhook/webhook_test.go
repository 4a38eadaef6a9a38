package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

func TestOnlyTheRightPathMethodAndTypeComeIn(t *testing.T) {
	typed := func(values ...string) http.Header { return http.Header{"Content-Type": values} }
	coded := func(coding string) http.Header {
		return http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}
	}
	for _, tt := range []struct {
		name   string
		change func(*door.Request)
		want   int
	}{
		{"as it should be", func(*door.Request) {}, 200},
		{"another path", func(r *door.Request) { r.Path = "/webhooks/other" }, 404},
		{"a slash too many", func(r *door.Request) { r.Path += "/" }, 404},
		{"a way round", func(r *door.Request) { r.Path = "/x/../webhooks/hubspot" }, 404},
		{"an escaped path", func(r *door.Request) { r.Path = "/webhooks%2Fhubspot" }, 404},
		{"no path", func(r *door.Request) { r.Path = "" }, 404},
		{"a query does not matter to the path", func(r *door.Request) { r.Query = "a=b" }, 200},
		{"GET", func(r *door.Request) { r.Method = "GET" }, 405},
		{"PUT", func(r *door.Request) { r.Method = "PUT" }, 405},
		{"DELETE", func(r *door.Request) { r.Method = "DELETE" }, 405},
		{"HEAD", func(r *door.Request) { r.Method = "HEAD" }, 405},
		{"OPTIONS", func(r *door.Request) { r.Method = "OPTIONS" }, 405},
		{"a method in lower case", func(r *door.Request) { r.Method = "post" }, 405},
		{"no type", func(r *door.Request) { r.Header = nil }, 415},
		{"an empty type", func(r *door.Request) { r.Header = typed("") }, 415},
		{"text", func(r *door.Request) { r.Header = typed("text/plain") }, 415},
		{"a form", func(r *door.Request) { r.Header = typed("multipart/form-data; boundary=x") }, 415},
		{"two types", func(r *door.Request) { r.Header = typed("application/json", "application/json") }, 415},
		{"two types in one line", func(r *door.Request) { r.Header = typed("application/json,application/json") }, 415},
		{"a JSON dialect", func(r *door.Request) { r.Header = typed("application/json5") }, 415},
		{"UTF-8 said", func(r *door.Request) { r.Header = typed("application/json; charset=utf-8") }, 200},
		{"UTF-8 said aloud", func(r *door.Request) { r.Header = typed(`Application/JSON;charset="UTF-8"`) }, 200},
		{"UTF-16", func(r *door.Request) { r.Header = typed("application/json; charset=utf-16") }, 415},
		{"a broken parameter", func(r *door.Request) { r.Header = typed("application/json; charset") }, 415},
		{"gzip", func(r *door.Request) { r.Header = coded("gzip") }, 415},
		{"gzip behind identity", func(r *door.Request) { r.Header = coded("identity, gzip") }, 415},
		{"identity", func(r *door.Request) { r.Header = coded("identity") }, 200},
		{"as large as may be", func(r *door.Request) { r.Body = make([]byte, 1000) }, 200},
		{"a byte too large", func(r *door.Request) { r.Body = make([]byte, 1001) }, 413},
		{"an empty body is the source's business", func(r *door.Request) { r.Body = nil }, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := false
			s := hubspot()
			s.verify = func(context.Context, door.Request) error { asked = true; return nil }
			b, req := newBench(s), post("[]")
			tt.change(&req)
			got := b.Handle(t.Context(), req)
			wantStatus(t, got, tt.want)
			if asked != (tt.want == 200) {
				t.Errorf("the source was asked: %v", asked)
			}
			if tt.want != 200 && b.counts["hubspot turned_away"]+b.counts[" turned_away"] != 1 {
				t.Errorf("counts %v", b.counts)
			}
		})
	}
}

func TestEachVerdictOfASourceHasItsAnswer(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("hubspot.Verify: %w", err) }
	for _, tt := range []struct {
		name         string
		verify, read error
		want         int
		counted      string
		kept         int
	}{
		{name: "read", want: 200, counted: "accepted"},
		{name: "forged", verify: wrap(door.ErrForged), want: 401, counted: "forged"},
		{name: "forged, seen late", read: wrap(door.ErrForged), want: 401, counted: "forged"},
		{name: "malformed and unsigned", verify: wrap(door.ErrMalformed), want: 400, counted: "malformed"},
		{name: "unreadable and unsigned", verify: wrap(door.ErrUnreadable), want: 400, counted: "malformed"},
		{name: "malformed and signed", read: wrap(door.ErrMalformed), want: 200, counted: "quarantined", kept: 1},
		{name: "unreadable and signed", read: wrap(door.ErrUnreadable), want: 200, counted: "quarantined", kept: 1},
		{name: "refused", read: wrap(door.ErrRefused), want: 400, counted: "refused"},
		{name: "the secret is lost", verify: errors.New("no secret"), want: 503, counted: "doubts"},
		{name: "a doubt while reading", read: errors.New("no field names"), want: 503, counted: "doubts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := hubspot()
			s.verify = func(context.Context, door.Request) error { return tt.verify }
			s.read = func(context.Context, door.Request) (door.Delivery, error) { return door.Delivery{}, tt.read }
			b := newBench(s)
			wantStatus(t, b.Handle(t.Context(), post(`[{"x":1}]`)), tt.want)
			if b.counts["hubspot "+tt.counted] != 1 {
				t.Errorf("counts %v, want one %s", b.counts, tt.counted)
			}
			if len(b.keeper.kept) != tt.kept {
				t.Errorf("%d bodies kept, want %d", len(b.keeper.kept), tt.kept)
			}
		})
	}
}

func TestWhatIsLeftOfADeliveryIsKeptWithItsReasonAndTheOthersGoOn(t *testing.T) {
	for _, tt := range []struct {
		unreadable, foreign int
		outcome, reason     string
	}{
		{0, 0, "accepted", ""},
		{2, 0, "quarantined", "the delivery cannot be read: 2 of 5 events"},
		{0, 1, "quarantined", "another account than this stack's: 1 of 5 events"},
		{2, 1, "quarantined", "the delivery cannot be read: 2 of 5 events; another account than this stack's: 1 of 5 events"},
	} {
		s := hubspot()
		s.read = func(context.Context, door.Request) (door.Delivery, error) {
			return door.Delivery{Operations: []crm.Operation{operation("a")}, Events: 5, Unreadable: tt.unreadable, Foreign: tt.foreign}, nil
		}
		b := newBench(s)
		wantStatus(t, b.Handle(t.Context(), post(`[]`)), 200)
		if b.keeper.reason != tt.reason || b.counts["hubspot "+tt.outcome] != 1 || b.counts["hubspot operations"] != 1 {
			t.Errorf("%+v: kept for %q, counts %v", tt, b.keeper.reason, b.counts)
		}
		if b.counts["hubspot unreadable"] != tt.unreadable || b.counts["hubspot foreign"] != tt.foreign {
			t.Errorf("%+v: counts %v", tt, b.counts)
		}
	}
}

func TestARefusalSaysTheSameForEveryCause(t *testing.T) {
	var bodies []string
	for _, cause := range []string{"no signature", "too old", "another key"} {
		s := hubspot()
		s.verify = func(context.Context, door.Request) error { return fmt.Errorf("%s: %w", cause, door.ErrForged) }
		a := newBench(s).Handle(t.Context(), post("[]"))
		bodies = append(bodies, fmt.Sprint(a.Status, a.ContentType, a.Header, string(a.Body)))
	}
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Errorf("the answers differ: %q", bodies)
	}
}

func TestOperationsAreQueuedWithTimeAndTrace(t *testing.T) {
	s := hubspot()
	s.read = func(context.Context, door.Request) (door.Delivery, error) {
		stamped := operation("b")
		stamped.ReceivedAt, stamped.Trace = noon.Add(-time.Second), "t-b"
		return door.Delivery{Operations: []crm.Operation{operation("a"), stamped}, Events: 5, Echoes: 1, Ignored: 2}, nil
	}
	b := newBench(s)
	wantStatus(t, b.Handle(t.Context(), post("[]")), 200)
	got := fmt.Sprint(b.queue.sent[0].ReceivedAt, b.queue.sent[0].Trace, b.queue.sent[1].ReceivedAt, b.queue.sent[1].Trace)
	if want := fmt.Sprint(noon, "r-1", noon.Add(-time.Second), "t-b"); got != want {
		t.Errorf("queued with %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(b.counts), fmt.Sprint(counts{"hubspot accepted": 1, "hubspot events": 5,
		"hubspot operations": 2, "hubspot echoes": 1, "hubspot ignored": 2}); got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
}

func TestEachOperationGoesToTheQueueOfItsSource(t *testing.T) {
	s := hubspot()
	s.read = func(context.Context, door.Request) (door.Delivery, error) {
		z := operation("z")
		z.Source = crm.Zoho
		return door.Delivery{Operations: []crm.Operation{operation("h"), z, operation("h2")}}, nil
	}
	b, zoho := newBench(s), &queue{}
	b.Queues[crm.Zoho] = zoho
	wantStatus(t, b.Handle(t.Context(), post("[]")), 200)
	if got := fmt.Sprint(ids(b.queue.sent), ids(zoho.sent)); got != "[h h2] [z]" {
		t.Errorf("queued %s", got)
	}
}

func TestWhatCannotBeQueuedIsNotAccepted(t *testing.T) {
	one := func(op crm.Operation, unreadable int) source {
		s := hubspot()
		s.read = func(context.Context, door.Request) (door.Delivery, error) {
			return door.Delivery{Operations: []crm.Operation{op}, Events: 2, Unreadable: unreadable}, nil
		}
		return s
	}
	t.Run("the queue is gone", func(t *testing.T) {
		b := newBench(one(operation("a"), 0))
		b.queue.err = errors.New("queue gone")
		wantStatus(t, b.Handle(t.Context(), post("[]")), 503)
	})
	t.Run("the source has no queue", func(t *testing.T) {
		op := operation("a")
		op.Source = crm.WhatsApp
		wantStatus(t, newBench(one(op, 0)).Handle(t.Context(), post("[]")), 503)
	})
	t.Run("the quarantine is gone", func(t *testing.T) {
		b := newBench(one(operation("a"), 1))
		b.keeper.err = errors.New("table gone")
		wantStatus(t, b.Handle(t.Context(), post("[]")), 503)
	})
	t.Run("one event of two is unreadable: the other is queued and the body kept", func(t *testing.T) {
		b := newBench(one(operation("a"), 1))
		wantStatus(t, b.Handle(t.Context(), post(`["?"]`)), 200)
		if len(b.queue.sent) != 1 || len(b.keeper.kept) != 1 || b.counts["hubspot unreadable"] != 1 {
			t.Errorf("queued %d, kept %v, counts %v", len(b.queue.sent), b.keeper.kept, b.counts)
		}
		if want := "the delivery cannot be read: 1 of 2 events"; b.keeper.reason != want {
			t.Errorf("reason %q, want %q", b.keeper.reason, want)
		}
	})
}

func TestAPanicIsADoubtAndTellsNoValue(t *testing.T) {
	for _, where := range []string{"verify", "read", "answer"} {
		t.Run(where, func(t *testing.T) {
			s := hubspot()
			boom := func(at string) {
				if at == where {
					panic("Mario Canary")
				}
			}
			s.verify = func(context.Context, door.Request) error { boom("verify"); return nil }
			s.read = func(context.Context, door.Request) (door.Delivery, error) { boom("read"); return door.Delivery{}, nil }
			b := newBench(talker{s, func(usual door.Answer) door.Answer { boom("answer"); return usual }})
			wantStatus(t, b.Handle(t.Context(), post("[]")), 503)
			if b.counts["hubspot panics"] != 1 {
				t.Errorf("counts %v", b.counts)
			}
			line := b.lines.String()
			if strings.Contains(line, "Canary") || !strings.Contains(line, "webhook.TestAPanic") {
				t.Errorf("the line tells the value or does not tell where: %s", line)
			}
		})
	}
}

// talker is a source with an answer of its own.
type talker struct {
	source
	answer func(usual door.Answer) door.Answer
}

func (s talker) Answer(_ door.Request, _ door.Delivery, _ error, usual door.Answer) door.Answer {
	return s.answer(usual)
}

func TestASourceMayAnswerForItself(t *testing.T) {
	in := func(status int) func(door.Answer) door.Answer {
		return func(door.Answer) door.Answer {
			return door.Answer{Status: status, ContentType: "text/plain", Body: []byte("own words")}
		}
	}
	for _, tt := range []struct {
		name   string
		verify error
		answer int
		want   int
	}{
		{"202 for 200", nil, 202, 202},
		{"403 for 401", door.ErrForged, 403, 403},
		{"422 for 400", door.ErrRefused, 422, 422},
		{"never a success for a doubt", errors.New("no keys"), 200, 503},
		{"never a success for a forgery", door.ErrForged, 204, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := hubspot()
			s.verify = func(context.Context, door.Request) error { return tt.verify }
			wantStatus(t, newBench(talker{s, in(tt.answer)}).Handle(t.Context(), post("[]")), tt.want)
		})
	}
}

func TestTwoSourcesMayShareAPath(t *testing.T) {
	hello := hubspot()
	hello.name, hello.methods, hello.limit = "hello", []string{"GET"}, 0
	b := newBench(talker{hello, func(door.Answer) door.Answer {
		return door.Answer{Status: 200, ContentType: "text/plain", Body: []byte("1158201444")}
	}}, hubspot())

	get := door.Request{Method: "GET", Path: "/webhooks/hubspot"}
	if a := b.Handle(t.Context(), get); a.Status != 200 || string(a.Body) != "1158201444" {
		t.Errorf("GET is answered %d %s", a.Status, a.Body)
	}
	wantStatus(t, b.Handle(t.Context(), post("[]")), 200)

	get.Body = []byte("x")
	wantStatus(t, b.Handle(t.Context(), get), 413)

	get.Method = "PATCH"
	a := b.Handle(t.Context(), get)
	wantStatus(t, a, 405)
	if got := a.Header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %s", got)
	}
}

func TestADeliveryThatTakesTooLongIsADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hubspot()
		s.verify = func(ctx context.Context, _ door.Request) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		wantStatus(t, newBench(s).Handle(t.Context(), post("[]")), 503)
		if took := time.Since(start); took != Patience {
			t.Errorf("it took %s, want %s", took, Patience)
		}
	})
}

func TestTheLineOfADeliveryHoldsIdsAndCounts(t *testing.T) {
	s := hubspot()
	s.read = func(context.Context, door.Request) (door.Delivery, error) {
		return door.Delivery{Operations: []crm.Operation{operation("a")}, Events: 3, Ignored: 2}, nil
	}
	b := newBench(s)
	b.Handle(t.Context(), post(`[{"email":"mario.canary@example.com"}]`))
	var line map[string]any
	if err := json.Unmarshal(b.lines.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	want := map[string]any{"level": "INFO", "msg": "delivery", "source": "hubspot", "request": "r-1", "outcome": "accepted",
		"status": 200., "bytes": 38., "events": 3., "echoes": 0., "ignored": 2., "unreadable": 0., "foreign": 0., "operations": []any{"a"}}
	if got := fmt.Sprint(line); got != fmt.Sprint(want) {
		t.Errorf("line %s\nwant %s", got, fmt.Sprint(want))
	}
}

func TestOfAFloodOfRefusalsOneInAHundredIsLogged(t *testing.T) {
	s := hubspot()
	s.verify = func(context.Context, door.Request) error { return door.ErrForged }
	b := newBench(s)
	for range 201 {
		b.Handle(t.Context(), post("[]"))
	}
	if got := strings.Count(b.lines.String(), "\n"); got != 3 {
		t.Errorf("%d lines for 201 refusals, want 3", got)
	}
	if b.counts["hubspot forged"] != 201 {
		t.Errorf("counts %v", b.counts)
	}
}

func TestStrangersWhoKnockDoNotHideASettingThatIsWrong(t *testing.T) {
	s := hubspot()
	var why error
	s.verify = func(context.Context, door.Request) error { return why }
	b := newBench(s)
	for i := range 150 {
		why = fmt.Errorf("%w: wrong signature", door.ErrForged)
		if i == 50 {
			why = fmt.Errorf("%w: compare THE_SETTING", door.ErrForged)
		}
		b.Handle(t.Context(), post("[]"))
	}
	if got := b.lines.String(); strings.Count(got, "\n") != 3 || strings.Count(got, "compare THE_SETTING") != 1 {
		t.Errorf("the log says %s", got)
	}
}

func TestARefusalThatGoesOnHasALineAMinute(t *testing.T) {
	s, now := hubspot(), noon
	s.verify = func(context.Context, door.Request) error {
		return fmt.Errorf("%w: compare THE_SETTING", door.ErrForged)
	}
	b := newBench(s)
	b.Now = func() time.Time { return now }
	for range 60 {
		b.Handle(t.Context(), post("[]"))
		now = now.Add(20 * time.Second)
	}
	if got := strings.Count(b.lines.String(), "compare THE_SETTING"); got != 20 {
		t.Errorf("%d lines in 20 minutes, want 20", got)
	}
}

func TestADoorWithoutACounterCountsNothing(t *testing.T) {
	b := newBench(hubspot())
	b.Count = nil
	wantStatus(t, b.Handle(t.Context(), post("[]")), 200)
}
