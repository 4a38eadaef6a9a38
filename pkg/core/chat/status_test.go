package chat_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

func at(state chat.State, second int, codes ...int) chat.Status {
	s := chat.Status{ID: crm.Text("w"), State: state, At: noon.Add(time.Duration(second) * time.Second)}
	for _, c := range codes {
		s.Errors = append(s.Errors, chat.Error{Code: c})
	}
	return s
}

func track(all ...chat.Status) (t chat.Track) {
	for _, s := range all {
		t = t.With(s)
	}
	return t
}

func TestTheStateThatCountsMostStays(t *testing.T) {
	for _, tt := range []struct {
		told []chat.State
		want chat.State
	}{
		{nil, ""},
		{[]chat.State{chat.Sent}, chat.Sent},
		{[]chat.State{chat.Read, chat.Delivered, chat.Sent}, chat.Read},
		{[]chat.State{chat.Sent, chat.Read}, chat.Read}, // delivered may be skipped
		{[]chat.State{chat.Delivered, chat.Played, chat.Read}, chat.Played},
		{[]chat.State{chat.Failed, chat.Sent}, chat.Failed},         // a late sent
		{[]chat.State{chat.Failed, chat.Delivered}, chat.Delivered}, // another device
		{[]chat.State{chat.Read, chat.Failed}, chat.Read},
		{[]chat.State{"deleted"}, ""},
		{[]chat.State{"deleted", chat.Sent, "warned"}, chat.Sent},
	} {
		var all []chat.Status
		for i, s := range tt.told {
			all = append(all, at(s, i))
		}
		if got := track(all...).State(); got != tt.want {
			t.Errorf("after %v it is %q, want %q", tt.told, got, tt.want)
		}
	}
}

func TestAnyOrderAndRepetitionOfStatusesEndsInTheSame(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) chat.Status {
		s := chat.Status{
			State: rapid.SampledFrom([]chat.State{chat.Sent, chat.Delivered, chat.Read, chat.Played, chat.Failed, "a", "b", "c", "d", "e", "f", "g"}).Draw(t, "state"),
			At:    instant(t), Errors: some(t, fault), Category: word(t), Billing: word(t),
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(one, 0, 8).Draw(t, "statuses")
		want := track(set...)
		other := slices.Clone(set)
		for range rapid.IntRange(0, 6).Draw(t, "repeats") {
			if len(set) > 0 {
				other = append(other, rapid.SampledFrom(set).Draw(t, "again"))
			}
		}
		got := track(rapid.Permutation(other).Draw(t, "order")...)
		if got.State() != want.State() || !bytes.Equal(got.Encode(), want.Encode()) {
			t.Fatalf("%s\n%s", got.Encode(), want.Encode())
		}
		back, err := chat.DecodeTrack(got.Encode())
		if err != nil || !bytes.Equal(back.Encode(), want.Encode()) || back.State() != want.State() {
			t.Fatalf("%v: %s", err, back.Encode())
		}
	})
}

func TestAStateOnlyEverRises(t *testing.T) {
	order := []chat.State{"", "deleted", chat.Sent, chat.Failed, chat.Delivered, chat.Read, chat.Played}
	for i, a := range order {
		for j, b := range order {
			if want := i > j && i > 1; a.After(b) != want {
				t.Errorf("%q after %q: %t", a, b, !want)
			}
		}
	}
}

func TestATrackKeepsTheFirstTimeOfEachStateAndEveryError(t *testing.T) {
	got := track(at(chat.Failed, 9, 131026), at(chat.Failed, 5, 131000, 131026), at(chat.Delivered, 20), at(chat.Delivered, 12))
	when, told := got.At(chat.Delivered)
	if !told || !when.Equal(noon.Add(12*time.Second)) {
		t.Errorf("delivered at %s", when)
	}
	if when, _ = got.At(chat.Failed); !when.Equal(noon.Add(5 * time.Second)) {
		t.Errorf("failed at %s", when)
	}
	if _, told = got.At(chat.Read); told {
		t.Error("read was never told")
	}
	if codes := fmt.Sprint(got.Errors()); len(got.Errors()) != 2 || got.Errors()[0].Code != 131000 {
		t.Errorf("errors %s", codes)
	}
	if _, err := chat.DecodeTrack([]byte("nonsense")); err == nil {
		t.Error("nonsense is a track")
	}
}

func TestTheLastLineOfALoggedMessageSaysHowFarItCame(t *testing.T) {
	rome := time.FixedZone("CET", 3600)
	var b bytes.Buffer
	for _, lang := range []chat.Language{chat.Italian, chat.English} {
		for _, tr := range []chat.Track{track(at(chat.Sent, 1)), track(at(chat.Delivered, 2), at(chat.Sent, 1)), track(at(chat.Read, 3)), track(at(chat.Played, 4)),
			track(at(chat.Sent, 1), at(chat.Failed, 5, 131047)), track(at(chat.Failed, 5, 131026, 999999), at(chat.Sent, 1)),
			track(at(chat.Failed, 5, 131026), at(chat.Delivered, 6)), track(at("deleted", 5)), track(chat.Status{State: chat.Read})} {
			fmt.Fprintln(&b, chat.StatusLine(tr, lang, rome))
		}
	}
	golden(t, "testdata/status.golden", b.String())
	if chat.StatusLine(chat.Track{}, chat.Italian, rome) != "" {
		t.Error("nothing was told and something is said")
	}
}
