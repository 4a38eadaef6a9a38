package whatsapptest_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

func TestStatusesComeInTheirTimeAndDeliveredMayBeSkipped(t *testing.T) {
	d := open(t, whatsapptest.Options{ReadAfter: time.Minute})
	a := d.Meet("Anna", "393471234567")
	d.want(200, 0, "POST", path, hello)
	for _, tt := range []struct {
		wait time.Duration
		want string
	}{{0, ""}, {time.Second, "sent"}, {time.Second, "sent delivered"}, {time.Minute, "sent delivered read"}} {
		if d.pass(tt.wait); strings.Join(d.told, " ") != tt.want {
			t.Errorf("told %v, want %s", d.told, tt.want)
		}
	}
	if !d.NextTick().IsZero() || d.Outstanding() != 0 {
		t.Error("something is still under way")
	}
	a.NeverReads = true
	d.told = nil
	d.want(200, 0, "POST", path, hello)
	if d.pass(time.Hour); strings.Join(d.told, " ") != "sent delivered" {
		t.Errorf("told %v", d.told)
	}
	d = open(t, whatsapptest.Options{DeliveredAfter: 5 * time.Second, ReadAfter: 5 * time.Second})
	d.Meet("Anna", "393471234567")
	d.want(200, 0, "POST", path, hello)
	if next := d.NextTick(); !next.Equal(d.time.Add(time.Second)) {
		t.Errorf("next at %s", next)
	}
	if d.pass(time.Hour); strings.Join(d.told, " ") != "sent read" {
		t.Errorf("told %v", d.told)
	}
}

func TestADeliveryThatIsNotTakenComesAgainForAWeekWithTheSameBytes(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Anna", "393471234567")
	d.must(a.Say(number, "ciao"))
	d.status = http.StatusAccepted // 200 alone counts
	d.Tick()
	d.status = http.StatusServiceUnavailable
	for d.Outstanding() > 0 {
		d.pass(d.NextTick().Sub(d.time))
	}
	if len(d.bodies) != 15 || d.Abandoned() != 1 || d.time.Sub(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)) < 6*24*time.Hour {
		t.Errorf("%d deliveries until %s, %d given up", len(d.bodies), d.time, d.Abandoned())
	}
	if len(slices.Compact(slices.Clone(d.bodies))) != 1 {
		t.Error("a repeat has other bytes")
	}
	d.must(a.Say(number, "ancora"))
	d.status = http.StatusOK
	if d.pass(0); strings.Join(d.told, " ") != "text" {
		t.Errorf("told %v", d.told)
	}
}

func TestDeliveriesAreBatchedReorderedAndRepeated(t *testing.T) {
	d := open(t, whatsapptest.Options{Batch: 7, Duplicates: 0.5, Reorder: time.Minute, Rand: rand.New(rand.NewPCG(3, 4))})
	a := d.Meet("Anna", "393471234567")
	for range 30 {
		d.must(a.Write(number, "text", map[string]any{"body": "x"}, nil))
	}
	for d.Outstanding() > 0 {
		d.pass(10 * time.Second)
	}
	if len(d.told) < 31 || len(d.bodies) < 6 {
		t.Errorf("%d updates in %d deliveries", len(d.told), len(d.bodies))
	}
	seen := map[string]bool{}
	for _, body := range d.bodies {
		for _, part := range strings.Split(body, `"id":"`) {
			if id, _, ok := strings.Cut(part, `"`); ok && strings.HasPrefix(id, "wamid.") {
				seen[id] = true
			}
		}
		if strings.Count(body, `"type":"text"`) > 7 {
			t.Error("a delivery of more than seven")
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d of 30 messages arrived", len(seen))
	}
}

func TestABodyIsWrittenWithMetasEscapes(t *testing.T) {
	for unescaped, want := range map[bool]string{false: `"body":"\u00e8 \ud83d\ude00 a\/b"`, true: `"body":"è 😀 a/b"`} {
		d := open(t, whatsapptest.Options{Unescaped: unescaped})
		d.must(d.Meet("Anna", "393471234567").Say(number, "è 😀 a/b"))
		if d.Tick(); !strings.Contains(d.bodies[0], want) {
			t.Errorf("%s", d.bodies[0])
		}
	}
}

func TestWithoutBothSubscriptionsNothingArrives(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Anna", "393471234567")
	d.Unsubscribe()
	d.must(a.Say(number, "ciao"))
	d.want(200, 0, "POST", "/v25.0/"+whatsapptest.DefaultAccount+"/subscribed_apps", "")
	d.SetCallback(hook, true, "user_preferences")
	d.must(a.Say(number, "ciao"))
	if err := a.OptOut(number); err != nil {
		t.Fatal(err)
	}
	d.SetCallback(hook, true, "messages")
	d.must(a.Say(number, "ciao"))
	if d.Tick(); strings.Join(d.told, " ") != "stop text" {
		t.Errorf("told %v", d.told)
	}
}

func TestAPersonWithAUsernameDoesNotShowTheNumber(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Sheena", "16505551234")
	a.Username, a.Hidden = "sheenan", true
	d.must(a.Say(number, "hi"))
	d.want(200, 0, "POST", path, strings.Replace(written, `"to":"+393471234567"`, `"recipient":"`+a.User+`"`, 1))
	old := a.User
	a.ChangeNumber("16505559999")
	d.pass(time.Minute)
	for _, body := range d.bodies {
		if strings.Contains(body, `"16505551234"`) || strings.Contains(body, `"16505559999"`) {
			t.Errorf("the number is shown: %s", body)
		}
	}
	if last := strings.Join(d.bodies, ""); !strings.Contains(last, `"type":"user_changed_user_id"`) || !strings.Contains(last, `"previous_user_id":"`+old+`"`) || a.User == old {
		t.Errorf("the change was not told: %s", last)
	}
}

func TestACallbackIsAskedToAnswerAChallenge(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	for name, tt := range map[string]struct {
		status int
		body   string
		ok     bool
	}{"right": {200, "1158201444", true}, "quoted": {200, `"1158201444"`, false}, "refused": {403, "1158201444", false}} {
		err := d.Handshake(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("hub.verify_token") != whatsapptest.DefaultVerifyToken || r.URL.Query().Get("hub.mode") != "subscribe" {
				t.Errorf("asked %s", r.URL)
			}
			return &http.Response{StatusCode: tt.status, Body: io.NopCloser(strings.NewReader(tt.body))}, nil
		})
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFaultsDoWhatTheySay(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	d.Meet("Anna", "393471234567")
	for _, tt := range []struct {
		name   string
		fault  whatsapptest.Fault
		status int
		taken  int
	}{
		{"a code", whatsapptest.Fault{Code: 131016}, 500, 0},
		{"a code with a status", whatsapptest.Fault{Code: 131016, Status: 400}, 400, 0},
		{"a status after all", whatsapptest.Fault{Status: 504, Lost: whatsapptest.LostAfter}, 504, 1},
		{"lost before", whatsapptest.Fault{Lost: whatsapptest.LostBefore}, 0, 0},
		{"lost after", whatsapptest.Fault{Lost: whatsapptest.LostAfter}, 0, 1},
		{"lands later", whatsapptest.Fault{LandsAfter: time.Second}, 0, 1},
		{"of another path", whatsapptest.Fault{On: "GET /"}, 200, 1},
		{"of nobody", whatsapptest.Fault{Match: func(r *http.Request) bool { b, _ := io.ReadAll(r.Body); return len(b) == 0 }}, 200, 1},
	} {
		before := len(d.SentMessages())
		d.Fail(tt.fault)
		if status, _ := d.call("POST", path, hello); status != tt.status {
			t.Errorf("%s: %d", tt.name, status)
		}
		d.Clear()
		d.pass(time.Minute)
		if n := len(d.SentMessages()) - before; n != tt.taken {
			t.Errorf("%s: %d taken", tt.name, n)
		}
	}
}

func TestADelayPassesBeforeAnythingHappensAndMayOutlastTheCaller(t *testing.T) {
	var waited time.Duration
	patient := true
	d := open(t, whatsapptest.Options{Sleep: func(_ context.Context, by time.Duration) bool { waited += by; return patient }})
	d.Meet("Anna", "393471234567")
	d.Fail(whatsapptest.Fault{Delay: 3 * time.Second})
	d.want(200, 0, "POST", path, hello)
	patient = false
	d.Fail(whatsapptest.Fault{Delay: 9 * time.Second})
	if status, why := d.call("POST", path, hello); status != 0 || why != whatsapptest.ErrLost.Error() || waited != 12*time.Second || len(d.SentMessages()) != 1 {
		t.Errorf("%d %s after %s, %d taken", status, why, waited, len(d.SentMessages()))
	}
}

func TestTheSameIsServedOverSockets(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Anna", "393471234567")
	d.must(a.Photograph(number, "", []byte("jpeg")))
	server := httptest.NewServer(d.Server)
	defer server.Close()
	get := func(url string) (*http.Response, string, error) {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+whatsapptest.DefaultToken)
		resp, err := server.Client().Do(req)
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp, string(body), err
	}
	_, body, err := get(server.URL + "/v25.0/1003383421000002")
	if err != nil || !strings.Contains(body, `"url":"`+server.URL+`/media/1003383421000002?ext=`) {
		t.Fatalf("%v: %s", err, body)
	}
	_, rest, _ := strings.Cut(body, `"url":"`)
	address, _, _ := strings.Cut(rest, `"`)
	address = strings.ReplaceAll(address, `\u0026`, "&")
	if resp, body, err := get(address); err != nil || body != "jpeg" || resp.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%v: %s", err, body)
	}
	d.time = d.time.Add(5 * time.Minute)
	if resp, _, err := get(address); err != nil || resp.StatusCode != 404 {
		t.Errorf("five minutes later: %v", err)
	}
	d.Fail(whatsapptest.Fault{Cut: true, Times: -1}) // a client of net/http asks again by itself
	if _, _, err := get(server.URL + "/v25.0/1003383421000002"); err == nil {
		t.Error("an answer that was cut is whole")
	}
	d.Clear()
	d.Fail(whatsapptest.Fault{Lost: whatsapptest.LostAfter, Times: -1})
	if _, _, err := get(server.URL + "/v25.0/1003383421000002"); err == nil {
		t.Error("an answer that was lost arrived")
	}
}
