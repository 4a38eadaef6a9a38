package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ticking is a clock that goes on by a second each time it is read.
func ticking() func() time.Time {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestALineForEachStepUntilOneFails(t *testing.T) {
	var out strings.Builder
	r := &run{Options: Options{Out: &out, Now: ticking()}}
	did := []string{}
	say := func(name, seen string, err error) step {
		return step{name: name, do: func(context.Context, *stage) (string, error) { did = append(did, name); return seen, err }}
	}
	steps := []step{say("the first", "as it must be", nil), say("the second", "", nil), say("the third", "", errors.New("no door\nno window")), say("the fourth", "", nil)}
	if r.play(t.Context(), &stage{}, "pass story", steps) {
		t.Error("it is said to be right")
	}
	want := "\npass story\n" +
		"  ok        1.0 s  the first                                                        as it must be\n" +
		"  ok        1.0 s  the second\n" +
		"  FAILED    1.0 s  the third\n         no door\n         no window\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"the first", "the second", "the third"}, did); d != "" || r.right != 2 || r.count != 3 {
		t.Error(d, r.right, r.count)
	}
}

func TestALookIsRepeatedUntilItIsContent(t *testing.T) {
	n := 0
	look := func(context.Context) error {
		if n++; n < 3 {
			return fmt.Errorf("look %d", n)
		}
		return nil
	}
	if err := until(t.Context(), time.Minute, look); err != nil || n != 3 {
		t.Error(n, err)
	}
	err := until(t.Context(), time.Millisecond, func(context.Context) error { return errors.New("no twin") })
	if err == nil || err.Error() != "after 1ms still: no twin" {
		t.Error(err)
	}
}

// page returns docs/rehearsal.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "rehearsal.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageTellsEveryStepInItsOrder(t *testing.T) {
	text := page(t)
	for _, st := range slices.Concat(preparation, story, ending) {
		row := "\n| " + st.name + " |"
		if st.only != "" {
			row = "\n| " + st.name + " (" + st.only + " only) |"
		}
		at := strings.Index(text, row)
		if at < 0 {
			t.Fatalf("docs/rehearsal.md has no row %q, or not in this order", strings.TrimSpace(row))
		}
		text = text[at:]
	}
}

func TestThePageTellsEveryExceptionAndItsFunctions(t *testing.T) {
	text := page(t)
	for _, e := range exceptions {
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", e.action, strings.Join(e.functions, ", "), e.emulator, e.aws); !strings.Contains(text, row) {
			t.Errorf("docs/rehearsal.md has no row\n%s", row)
		}
	}
}

func TestExceptionsNameFunctionsOfTheSuite(t *testing.T) {
	all, err := (&stage{Options: Options{Root: filepath.Join("..", "..", "..")}}).functions()
	if err != nil || len(all) < 8 {
		t.Fatal(all, err)
	}
	for _, e := range exceptions {
		for _, f := range e.functions {
			if !slices.Contains(all, f) {
				t.Errorf("%s: there is no function %s", e.action, f)
			}
		}
	}
}

// api is what lies behind the domain.
func api(t *testing.T) (base *url.URL, got func() []string) {
	t.Helper()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("X-Signed"), body))
		if string(body) == "refuse" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL + "/_aws/execute-api/a1/$default")
	if err != nil {
		t.Fatal(err)
	}
	return base, func() []string { return seen }
}

// sandboxed serves a domain, and returns the delivery of a body as a sandbox hands it over.
func sandboxed(t *testing.T, d *domain) func(body string) (int, error) {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.base, d.sent = server.URL, map[string][]delivery{}
	return func(body string) (int, error) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, d.base+hubspotPath, strings.NewReader(body))
		r.Header.Set("X-Signed", "s")
		return d.deliver(r)
	}
}

func TestTheDomainHandsOnWhatIsSignedUntouched(t *testing.T) {
	base, got := api(t)
	d := &domain{}
	deliver := sandboxed(t, d)
	if status, err := deliver("early"); status != http.StatusBadGateway || err != nil {
		t.Errorf("before the deployment: %d, %v", status, err)
	}
	d.point(base)
	for body, want := range map[string]int{`[ {"a": 1} ]`: http.StatusOK, "refuse": http.StatusUnauthorized} {
		if status, err := deliver(body); status != want || err != nil {
			t.Errorf("%q: %d, %v", body, status, err)
		}
	}
	if want := `POST /_aws/execute-api/a1/$default/webhooks/hubspot s [ {"a": 1} ]`; len(got()) != 2 || !slices.Contains(got(), want) {
		t.Errorf("%q", got())
	}
	if made := d.made(hubspotPath); len(made) != 1 || string(made[0].body) != `[ {"a": 1} ]` || made[0].header.Get("X-Signed") != "s" {
		t.Errorf("only what was taken can be made again: %d", len(made))
	}
}

func TestALostDeliveryCountsAsDelivered(t *testing.T) {
	base, got := api(t)
	d := &domain{}
	deliver := sandboxed(t, d)
	d.point(base)
	d.silence(true)
	if status, err := deliver("x"); status != http.StatusOK || err != nil || len(got()) != 0 {
		t.Error(status, err, got())
	}
	if n := d.silence(false); n != 1 {
		t.Errorf("%d lost", n)
	}
	if status, err := deliver("x"); status != http.StatusOK || err != nil || len(got()) != 1 {
		t.Error(status, err, got())
	}
}

func TestACommandThatFailsTellsItsEndAndIsLogged(t *testing.T) {
	s := &stage{Options: Options{Root: t.TempDir()}, dir: t.TempDir()}
	_, err := s.command(t.Context(), "build", "sh", "-c", "seq 100; echo broken; exit 3")
	if err == nil || !strings.HasSuffix(err.Error(), "\n99\n100\nbroken") || !strings.Contains(err.Error(), "exit status 3") || strings.Contains(err.Error(), "\n80\n") {
		t.Error(err)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "build.log"))
	if err != nil || !strings.HasPrefix(string(log), "1\n2\n") {
		t.Error(string(log), err)
	}
}

func TestACommandEndsWithItsChildren(t *testing.T) {
	s := &stage{Options: Options{Root: t.TempDir()}, dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := s.command(ctx, "sleep", "sh", "-c", "sleep 60 & wait"); err == nil || time.Since(began) > 8*time.Second {
		t.Error(time.Since(began), err)
	}
}

func TestWhatWasTypedIsFoundWhateverItsCase(t *testing.T) {
	s := &stage{}
	s.remember(props{"email": "ludovica.montefalco@example.com", "lastname": "Montefalco", "city": "Torino", "salutation": "Mr."})
	for text, want := range map[string]bool{
		`{"err":"MONTEFALCO is no option"}`: true, "sent to Ludovica.Montefalco@example.com": true, `{"record":"151"}`: false, "Torino": false,
	} {
		if got := s.holds(text) != ""; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
