package talk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/chat/talk"
	"crm-connector/pkg/core/crm"
)

func TestTheSeventhMessageOfAConversationGoesToAPerson(t *testing.T) {
	var s talk.State
	for i := 1; i <= 7; i++ {
		var d talk.Decision
		s, d = put(s, said("orari", noon.Add(time.Duration(i)*15*time.Minute)))
		if want := i == 7; (d.HandOver == talk.ByLength) != want {
			t.Errorf("message %d: hand-over %q", i, d.HandOver)
		}
	}
	if s, d := put(s, said("orari", noon.Add(2*time.Hour))); d.HandOver != "" || d.Answer != nil || s.Phase != talk.Pending {
		t.Errorf("after the hand-over: %+v", d)
	}
}

func TestTwoMessagesInARowThatNobodyUnderstandsGoToAPerson(t *testing.T) {
	s, d := put(talk.State{}, said("xyz", noon))
	wantAnswer(t, "the first", d, "miss")
	understood, _ := put(s, said("orari", noon.Add(time.Minute)))
	if _, d = put(understood, said("abc", noon.Add(2*time.Minute))); d.HandOver != "" {
		t.Error("misses are counted across an answer")
	}
	photo := said("", noon.Add(time.Minute))
	photo.Type, photo.Text = chat.TypeImage, crm.Unknown()
	if s, d = put(s, photo); d.HandOver != "" || s.Misses != 1 {
		t.Error("a photograph is nothing that could be understood")
	}
	if _, d = put(s, said("abc", noon.Add(2*time.Minute))); d.HandOver != talk.ByMisses || !d.Due.Equal(noon.Add(2*time.Minute+20*time.Second)) {
		t.Errorf("the second: %+v", d)
	}
}

func TestAFormThatWasFilledInAndAPermissionToCallAreNothingThatCouldBeMisunderstood(t *testing.T) {
	form := said("Sent", noon)
	form.Type, form.Kind = chat.TypeInteractive, chat.KindFormReply
	form.Form = []chat.Detail{{Name: "data", Value: crm.Text("2026-12-01")}}
	named := form
	named.Text = crm.Text("stop")
	call := said("", noon)
	call.Type, call.Kind, call.Text, call.Choice = chat.TypeInteractive, chat.KindCallPermission, crm.Unknown(), crm.Text("stop")
	s, _ := put(talk.State{}, said("xyz", noon))
	for name, m := range map[string]chat.Message{"a form": form, "a form whose body is a word": named, "a permission to call": call} {
		after, d := put(s, m)
		if d.Answer != nil || d.HandOver != "" || d.Consent != nil || after.Misses != 1 || after.Count != 2 {
			t.Errorf("%s: %+v, the state after it %+v", name, d, after)
		}
	}
}

func TestAComplaintGoesToAPersonWithinTwentySecondsOfItsMessage(t *testing.T) {
	s, d := put(talk.State{}, said("Voglio fare un RECLAMO, il pacco è arrivato rotto!", noon))
	if d.HandOver != talk.ByComplaint || !d.Due.Equal(noon.Add(20*time.Second)) || s.Phase != talk.Pending {
		t.Errorf("%+v", d)
	}
	wantAnswer(t, "a complaint", d, "hand_over")
}

func TestASilenceOfADayBeginsAConversationAnew(t *testing.T) {
	s, _ := put(talk.State{}, said("reclamo", noon))
	if s, _ = put(s, said("orari", noon.Add(24*time.Hour-time.Second))); s.Phase != talk.Pending || s.Count != 2 {
		t.Errorf("a second less than a day: %+v", s)
	}
	s, d := put(s, said("orari", noon.Add(48*time.Hour)))
	wantAnswer(t, "a day later", d, "hours")
	if s.Phase != talk.Bot || s.Count != 1 {
		t.Errorf("a day later: %+v", s)
	}
	asked, _ := talk.State{Phase: talk.Human, LastIn: noon.Add(-72 * time.Hour), Count: 3}.Failed(noon)
	if s, _ = put(asked, said("orari", noon.Add(time.Hour))); s.Phase != talk.Pending {
		t.Errorf("of somebody who wrote long ago, an hour after a person was asked to write to him: %+v", s)
	}
	human := talk.State{Phase: talk.Human, LastIn: noon, Count: 3, OptedOut: true}
	if s, _ = put(human, said("orari", noon.Add(25*time.Hour))); s.Phase != talk.Bot || !s.OptedOut {
		t.Errorf("an opt-out is forgotten: %+v", s)
	}
}

func TestNothingIsAnsweredWhereARobotHasNothingToSay(t *testing.T) {
	typed := func(kind chat.Type) chat.Message { m := said("orari", noon); m.Type = kind; return m }
	group, old := said("orari", noon), said("orari", noon)
	group.Group = crm.Text("g")
	for name, in := range map[string]talk.Situation{
		"a reaction":             {Message: typed(chat.TypeReaction), Now: noon},
		"a system message":       {Message: typed(chat.TypeSystem), Now: noon},
		"an edit":                {Message: typed(chat.TypeEdit), Now: noon},
		"a deletion":             {Message: typed(chat.TypeRevoke), Now: noon},
		"what is not passed on":  {Message: typed(chat.TypeUnsupported), Now: noon},
		"a group":                {Message: group, Now: noon},
		"ourselves":              {Message: old, Now: noon, Own: true},
		"a message of yesterday": {Message: old, Now: noon.Add(121 * time.Second)},
	} {
		in.Language = chat.Italian
		s, d := talk.Default().Next(talk.State{}, in)
		if d.Answer != nil {
			t.Errorf("%s is answered by %s", name, d.Answer.Rule)
		}
		if counted := name == "what is not passed on" || name == "a message of yesterday"; (s.Count == 1) != counted {
			t.Errorf("%s: counted %d", name, s.Count)
		}
	}
	if _, d := talk.Default().Next(talk.State{}, talk.Situation{Message: old, Now: noon.Add(120 * time.Second)}); d.Answer == nil {
		t.Error("two minutes later there is still an answer")
	}
	for name, s := range map[string]talk.State{"a person leads": {Phase: talk.Human, LastIn: noon}, "one is on the way": {Phase: talk.Pending, LastIn: noon}, "no messages wanted": {OptedOut: true}} {
		if _, d := put(s, said("orari", noon)); d.Answer != nil {
			t.Errorf("%s and there is an answer", name)
		}
	}
}

func TestAnOldComplaintStillGoesToAPerson(t *testing.T) {
	_, d := talk.Default().Next(talk.State{}, talk.Situation{Message: said("reclamo", noon), Now: noon.Add(48 * time.Hour), Language: chat.Italian})
	if d.HandOver != talk.ByComplaint || d.Answer != nil {
		t.Errorf("%+v", d)
	}
	if _, d = put(talk.State{OptedOut: true}, said("reclamo", noon)); d.HandOver != talk.ByComplaint || d.Answer != nil {
		t.Errorf("of somebody who wants no messages: %+v", d)
	}
}

func TestAnOptOutIsConfirmedOnceAndEndsTheConversation(t *testing.T) {
	s, d := put(talk.State{}, said("STOP", noon))
	wantAnswer(t, "an opt-out", d, "opt_out")
	if d.Consent == nil || !d.Consent.Out || s.Phase != talk.Closed || !s.OptedOut {
		t.Fatalf("%+v, %+v", s, d)
	}
	if s, d = put(s, said("stop", noon.Add(time.Minute))); d.Answer != nil || d.Consent == nil {
		t.Errorf("said again: %+v", d)
	}
	if s, d = put(s, said("orari", noon.Add(2*time.Minute))); d.Answer != nil {
		t.Errorf("answered after an opt-out: %+v", d.Answer)
	}
	s, d = put(s, said("riprendi", noon.Add(3*time.Minute)))
	wantAnswer(t, "back again", d, "opt_in")
	if s.OptedOut || s.Phase != talk.Bot {
		t.Errorf("%+v", s)
	}
	_, d = put(s, said("orari", noon.Add(4*time.Minute)))
	wantAnswer(t, "back again", d, "hours")
	human, d := put(talk.State{Phase: talk.Human, LastIn: noon}, said("STOP", noon))
	if d.Answer != nil || !human.OptedOut || human.Phase != talk.Human {
		t.Errorf("while a person leads: %+v", d)
	}
	if s = (talk.State{Phase: talk.Closed, OptedOut: true}).Heard(talk.Consent{}); s.Phase != talk.Bot || s.OptedOut {
		t.Errorf("back again by another way: %+v", s)
	}
	heard := talk.State{}.Heard(talk.Consent{Out: true})
	if _, d = put(heard, said("orari", noon)); d.Answer != nil {
		t.Error("what was heard by another way does not count")
	}
	edited := said("STOP", noon)
	edited.Type, edited.Kind = chat.TypeEdit, "text"
	if s, d = put(talk.State{}, edited); d.Consent == nil || d.Answer != nil || !s.OptedOut || s.Count != 0 {
		t.Errorf("an edited message: %+v", d)
	}
}

func TestAMessageThatCouldNotBeSentGoesToAPerson(t *testing.T) {
	s, d := talk.State{}.Failed(noon)
	if d.HandOver != talk.ByFailure || d.Answer != nil || s.Phase != talk.Pending || !d.Due.Equal(noon.Add(20*time.Second)) {
		t.Errorf("%+v", d)
	}
	if _, d = s.Failed(noon); d.HandOver != "" {
		t.Error("one task for one failure after the other")
	}
}

func TestAFailureAsksSomebodyAgainOnceTheConversationOfTheLastTimeIsOver(t *testing.T) {
	for _, c := range []struct {
		name string
		s    talk.State
		asks bool
	}{
		{"asked a moment less than a day ago", talk.State{Phase: talk.Pending, Asked: noon.Add(-talk.Silence + 1)}, false},
		{"asked a day ago, and nobody wrote", talk.State{Phase: talk.Pending, Asked: noon.Add(-talk.Silence)}, true},
		{"asked long ago, and the person still writes", talk.State{Phase: talk.Pending, Asked: noon.Add(-72 * time.Hour), LastIn: noon.Add(-time.Hour)}, false},
		{"a person led it until a day ago", talk.State{Phase: talk.Human, LastIn: noon.Add(-talk.Silence)}, true},
		{"nobody knows when", talk.State{Phase: talk.Pending}, true},
	} {
		s, d := c.s.Failed(noon)
		if asks := d.HandOver == talk.ByFailure; asks != c.asks || s.Phase == talk.Bot || !s.LastIn.Equal(c.s.LastIn) {
			t.Errorf("%s: %+v, %+v", c.name, s, d)
		}
	}
}

func TestOnlyWhatAPersonSaysBeginsAConversation(t *testing.T) {
	reaction := said("👍", noon)
	reaction.Type = chat.TypeReaction
	s, d := put(talk.State{}, reaction)
	if d.Began {
		t.Error("begun by a reaction")
	}
	for i, c := range []struct {
		m     chat.Message
		began bool
	}{{said("STOP", noon), true}, {reaction, false}, {said("orari", noon), false}, {said("orari", noon.Add(25*time.Hour)), true}} {
		if s, d = put(s, c.m); d.Began != c.began {
			t.Errorf("message %d: begun %v", i+1, d.Began)
		}
	}
}

func TestAnswersStayWithinTheirLimitsAndEveryConversationFindsAPerson(t *testing.T) {
	texts := []string{"orari", "xyz", "prezzi", "reclamo", "STOP", "riprendi", "ciao", "grazie", "operatore"}
	rapid.Check(t, func(t *rapid.T) {
		var s talk.State
		var given []time.Time
		now, tasks, since := noon, 0, 0
		for range rapid.IntRange(1, 40).Draw(t, "messages") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 5, 6, 60, 600, 90000}).Draw(t, "gap")) * time.Second)
			m := said(rapid.SampledFrom(texts).Draw(t, "text"), now)
			kept := fmt.Sprint(s.Answers)
			next, d := talk.Default().Next(s, talk.Situation{Message: m, Now: now, Language: chat.English})
			if fmt.Sprint(s.Answers) != kept {
				t.Fatal("the state before was changed")
			}
			if next.Count == 1 {
				tasks, since = 0, 0
			}
			since++
			if d.HandOver != "" {
				tasks++
			}
			if a := d.Answer; a != nil && talk.Fixed(a.Rule) && !a.At.Equal(now) {
				t.Fatalf("%s waits", a.Rule)
			} else if a != nil && !talk.Fixed(a.Rule) {
				given = append(given, a.At)
			}
			if tasks > 1 || since > talk.MaxMessages && d.Consent == nil && next.Phase == talk.Bot {
				t.Fatalf("%d tasks, %d messages, phase %q", tasks, since, next.Phase)
			}
			s = next
		}
		for i, at := range given {
			if i > 0 && at.Sub(given[i-1]) < talk.AnswerEvery {
				t.Fatal("two answers within 6 s")
			}
			if i >= talk.AnswersAnHour && at.Sub(given[i-talk.AnswersAnHour]) < time.Hour {
				t.Fatal("six answers within an hour")
			}
		}
		if !slices.IsSortedFunc(s.Answers, time.Time.Compare) {
			t.Fatalf("kept %v", s.Answers)
		}
	})
}

func TestWhatIsSaidWithinSixSecondsOfAnAnswerIsAnsweredAtTheirEndAndAWordAtOnce(t *testing.T) {
	first, _ := put(talk.State{}, said("ciao", noon))
	for _, c := range []struct {
		text, rule string
		after      time.Duration // the first answer
	}{
		{"che orari fate?", "hours", talk.AnswerEvery}, {"xyz", talk.RuleMiss, talk.AnswerEvery},
		{"STOP", talk.RuleOptOut, 2 * time.Second}, {"operatore", talk.RuleHandOver, 2 * time.Second}, {"rimborso", talk.RuleHandOver, 2 * time.Second},
	} {
		s, d := put(first, said(c.text, noon.Add(2*time.Second)))
		wantAnswer(t, c.text, d, c.rule)
		if d.Answer != nil && d.Answer.At.Sub(first.Answers[0]) != c.after {
			t.Errorf("%s: answered %s after the first answer, want %s", c.text, d.Answer.At.Sub(first.Answers[0]), c.after)
		}
		if c.rule != "hours" {
			continue
		}
		_, d = put(s, said("e i prezzi?", noon.Add(3*time.Second)))
		wantAnswer(t, "one more", d, "price")
		if d.Answer != nil && d.Answer.At.Sub(first.Answers[0]) != 2*talk.AnswerEvery {
			t.Errorf("the third: %s after the first", d.Answer.At.Sub(first.Answers[0]))
		}
	}
}

func TestAQuestionBeyondTheAnswersOfAnHourIsAPersonsToAnswer(t *testing.T) {
	full := talk.State{LastIn: noon, Count: 1}
	for i := range talk.AnswersAnHour {
		full.Answers = append(full.Answers, noon.Add(time.Duration(i-10)*time.Minute))
	}
	for text, reason := range map[string]talk.Reason{"orari": talk.ByLength, "xyz": talk.ByLength, "grazie": "", "operatore": talk.ByWish} {
		_, d := put(full, said(text, noon))
		if d.HandOver != reason {
			t.Errorf("%s: handed over for %q, want %q", text, d.HandOver, reason)
		}
		wantAnswer(t, text, d, map[bool]string{true: talk.RuleHandOver}[reason != ""])
	}
	s, d := put(full, said("STOP", noon))
	wantAnswer(t, "an opt-out", d, talk.RuleOptOut)
	_, d = put(s, said("riprendi", noon.Add(time.Second)))
	wantAnswer(t, "back again", d, talk.RuleOptIn)
	out := full
	out.OptedOut = true
	if _, d = put(out, said("orari", noon)); d.HandOver != "" || d.Answer != nil {
		t.Errorf("of somebody who wants no messages: %+v", d)
	}
	if _, d = put(full, said("orari", noon.Add(time.Hour))); d.HandOver != "" || d.Answer == nil {
		t.Errorf("an hour later: %+v", d)
	}
}

func TestAnAnswerThatHasNotGoneOutYetBelongsToItsConversationWhileTheRobotLeadsIt(t *testing.T) {
	for rule, phases := range map[string][]talk.Phase{
		"hours": {talk.Bot}, talk.RuleMiss: {talk.Bot}, talk.RuleHandOver: {talk.Pending},
		talk.RuleOptOut: {talk.Bot, talk.Pending, talk.Closed}, talk.RuleOptIn: {talk.Bot, talk.Pending, talk.Closed},
	} {
		for _, phase := range []talk.Phase{talk.Bot, talk.Pending, talk.Human, talk.Closed} {
			if got := (talk.State{Phase: phase}).Awaits(rule); got != slices.Contains(phases, phase) {
				t.Errorf("%s in phase %q: %v", rule, phase, got)
			}
		}
	}
}

func TestAQuestionWhoseAnswerDidNotGoOutGoesToAPersonUnlessItIsOneAlready(t *testing.T) {
	for _, c := range []struct {
		s    talk.State
		asks bool
	}{
		{talk.State{LastIn: noon}, true}, {talk.State{LastIn: noon, Phase: talk.Pending}, false}, {talk.State{LastIn: noon, Phase: talk.Human}, false},
		{talk.State{LastIn: noon, Phase: talk.Closed, OptedOut: true}, false}, {talk.State{LastIn: noon, OptedOut: true}, false},
	} {
		s, d := c.s.Unanswered(noon.Add(3 * time.Minute))
		if asks := d.HandOver == talk.ByDelay; asks != c.asks || asks != (s.Phase == talk.Pending && c.s.Phase != talk.Pending) || d.Answer != nil {
			t.Errorf("%+v: %+v", c.s, d)
		}
	}
}

func TestAQuestionThatComesTooLateToBeAnsweredGoesToAPersonUnlessItsDayIsOver(t *testing.T) {
	photo := said("", noon)
	photo.Type, photo.Text = chat.TypeImage, crm.Unknown()
	reaction := said("👍", noon)
	reaction.Type = chat.TypeReaction
	for _, c := range []struct {
		name string
		s    talk.State
		m    chat.Message
		late time.Duration
		want talk.Reason
	}{
		{"a question in time", talk.State{}, said("orari", noon), talk.Fresh, ""},
		{"a question", talk.State{}, said("orari", noon), talk.Fresh + time.Second, talk.ByDelay},
		{"a greeting", talk.State{}, said("Buongiorno", noon), 5 * time.Minute, talk.ByDelay},
		{"what nobody understands", talk.State{}, said("xyz", noon), 5 * time.Minute, talk.ByDelay},
		{"a question beside thanks", talk.State{}, said("fate anche ricami? Grazie", noon), 5 * time.Minute, talk.ByDelay},
		{"mere thanks", talk.State{}, said("Grazie mille, buona giornata!", noon), 5 * time.Minute, ""},
		{"a photograph", talk.State{}, photo, 5 * time.Minute, ""},
		{"a reaction", talk.State{}, reaction, 5 * time.Minute, ""},
		{"a complaint", talk.State{}, said("reclamo", noon), 5 * time.Minute, talk.ByComplaint},
		{"beyond the answers of an hour", talk.State{LastIn: noon, Count: 1, Answers: []time.Time{noon, noon, noon, noon, noon}}, said("orari", noon), 5 * time.Minute, talk.ByDelay},
		{"somebody is asked already", talk.State{Phase: talk.Pending, LastIn: noon}, said("orari", noon), 5 * time.Minute, ""},
		{"a person leads", talk.State{Phase: talk.Human, LastIn: noon}, said("orari", noon), 5 * time.Minute, ""},
		{"no messages wanted", talk.State{OptedOut: true}, said("orari", noon), 5 * time.Minute, ""},
		{"a question of almost a day ago", talk.State{}, said("orari", noon), talk.Silence - time.Second, talk.ByDelay},
		{"a question of a day ago", talk.State{}, said("orari", noon), talk.Silence, ""},
		{"what nobody understood a day ago", talk.State{}, said("xyz", noon), talk.Silence, ""},
		{"a complaint of a day ago", talk.State{}, said("reclamo", noon), talk.Silence, talk.ByComplaint},
	} {
		s, d := talk.Default().Next(c.s, talk.Situation{Message: c.m, Now: noon.Add(c.late), Language: chat.Italian})
		if d.HandOver != c.want || (c.want != "") != (s.Phase == talk.Pending && c.s.Phase != talk.Pending) || c.late > talk.Fresh && d.Answer != nil {
			t.Errorf("%s: %+v, phase %q", c.name, d, s.Phase)
		}
	}
	s, d := talk.Default().Next(talk.State{}, talk.Situation{Message: said("orari", noon), Now: noon.Add(5 * time.Minute), Language: chat.Italian})
	if !d.Due.Equal(noon.Add(20*time.Second)) || !s.Asked.Equal(noon) {
		t.Errorf("due %s, asked %s", d.Due, s.Asked)
	}
	if _, d = talk.Default().Next(s, talk.Situation{Message: said("prezzi", noon.Add(time.Minute)), Now: noon.Add(5 * time.Minute), Language: chat.Italian}); d.HandOver != "" {
		t.Errorf("two questions that come late are two tasks: %+v", d)
	}
}

func TestWhateverAPersonDoesOpensTheWindowAndAConversationThatWasOverStaysSo(t *testing.T) {
	typed := func(kind chat.Type) chat.Message { m := said("", noon); m.Type = kind; return m }
	was := talk.State{Phase: talk.Human, Count: 5, LastIn: noon.Add(-25 * time.Hour)}
	for kind, opens := range map[chat.Type]bool{chat.TypeReaction: true, chat.TypeEdit: true, chat.TypeRevoke: true, chat.TypeUnsupported: true, chat.TypeSystem: false} {
		s, _ := put(was, typed(kind))
		if s.LastIn.Equal(noon) != opens {
			t.Errorf("%s: the window opened %v", kind, s.LastIn)
		}
		if _, d := put(s, said("orari", noon.Add(time.Minute))); d.Answer == nil {
			t.Errorf("after %s the conversation of the day before goes on", kind)
		}
	}
}

func TestAMessageThatCameLateDoesNotTurnTheClockBack(t *testing.T) {
	s := talk.State{LastIn: noon, Count: 2}
	s, _ = put(s, said("orari", noon.Add(-time.Hour)))
	if !s.LastIn.Equal(noon) || s.Count != 3 {
		t.Errorf("%+v", s)
	}
	undated, d := talk.Default().Next(talk.State{}, talk.Situation{Message: chat.Message{Type: chat.TypeText, Text: crm.Text("orari")}, Now: noon, Language: chat.Italian})
	if !undated.LastIn.Equal(noon) || d.Answer == nil {
		t.Errorf("a message without a time: %+v", undated)
	}
	if ahead, _ := talk.Default().Next(talk.State{}, talk.Situation{Message: said("orari", noon.Add(time.Hour)), Now: noon}); !ahead.LastIn.Equal(noon) {
		t.Errorf("a message from the future: %+v", ahead)
	}
}

func ExampleRules_Next() {
	m := chat.Message{Type: chat.TypeText, Text: crm.Text("Voglio il rimborso"), At: noon}
	state, d := talk.Default().Next(talk.State{}, talk.Situation{Message: m, Now: noon, Language: chat.Italian})
	fmt.Println(state.Phase, d.HandOver, d.Due.Sub(noon), d.Answer.Rule)
	// Output: pending complaint 20s hand_over
}
