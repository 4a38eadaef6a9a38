package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"crm-connector/pkg/core/chat"
)

// documented are the codes of the vendor's page, by what is done about them.
var documented = map[chat.Class][]int{
	chat.ClassToken:     {0, 190},
	chat.ClassSetup:     {3, 10, 33, 200, 250, 299, 131005, 131037, 131045},
	chat.ClassRequest:   {100, 131008, 131009, 132000, 132001, 132005, 132007, 132012, 132015, 132016},
	chat.ClassAccount:   {368, 130497, 131031, 131042},
	chat.ClassThrottle:  {4, 80007, 130429, 131048, 131056, 131064, 133016},
	chat.ClassPassing:   {1, 2, 131000, 131016, 131053, 131057, 133004},
	chat.ClassRecipient: {130472, 131021, 131026, 131030, 131062},
	chat.ClassWindow:    {131047},
	chat.ClassOptOut:    {131050},
	chat.ClassHeld:      {131049, 131063},
	chat.ClassIdentity:  {137000},
	chat.ClassContent:   {131051, 131052, 131060},
	chat.ClassUnknown:   {-1, 5, 199, 300, 131001, 999999},
}

func TestEveryCodeHasAClassAndAMeaningInBothLanguages(t *testing.T) {
	var b strings.Builder
	for class := chat.ClassUnknown; class <= chat.ClassContent; class++ {
		if len(documented[class]) == 0 {
			t.Errorf("no code of class %d", class)
		}
		for _, code := range documented[class] {
			if got := chat.ClassOf(code); got != class {
				t.Errorf("%d is of class %d, want %d", code, got, class)
			}
			it, en := chat.Meaning(code, chat.Italian), chat.Meaning(code, chat.English)
			if it == "" || en == "" || it == en || strings.HasSuffix(it+en, ".") {
				t.Errorf("%d means %q, %q", code, it, en)
			}
			fmt.Fprintf(&b, "%d class %d\n  %s\n  %s\n", code, class, it, en)
		}
	}
	golden(t, "testdata/codes.golden", b.String())
}
