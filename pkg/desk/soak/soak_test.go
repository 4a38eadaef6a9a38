package soak_test

import (
	"fmt"
	"reflect"
	"testing"

	"crm-connector/pkg/desk/soak"
)

// clean fails the test with what does not hold and its trace.
func clean(t *testing.T, command string, violations, trace []string) {
	t.Helper()
	for _, v := range violations {
		t.Errorf("%s: %s", command, v)
	}
	for _, line := range trace {
		t.Log(line)
	}
}

func TestEveryDeliveryIsCountedOnceToTheCentWhateverDiesAndFails(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := soak.ConversionsOptions{Seed: seed, Deliveries: 2000, Crashes: 0.01, Faults: 0.05}
			r, err := soak.Conversions(o)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, o.Command(), r.Violations, r.Trace)
			if r.Deaths < 60 || r.Repeats < 30 || r.Conflicts < 1 || r.Events < 1700 || r.Turned < 1 {
				t.Errorf("a run in which too little happens: %s", r)
			}
		})
	}
}

func TestAnEventIsVisibleWithinSecondsOfIts202AndWithCallsThatFailWithinNinety(t *testing.T) {
	o := soak.ConversionsOptions{Seed: 1, Deliveries: 1500, Faults: 0.05}
	r, err := soak.Conversions(o)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, o.Command(), r.Violations, r.Trace)
	if r.P99 >= soak.Most || r.P50 <= 0 {
		t.Errorf("%s", r)
	}
	o.Faults = 0
	if r, err = soak.Conversions(o); err != nil || r.P99 > 7e9 {
		t.Errorf("%s, %v", r, err)
	}
}

func TestTheSameOptionsGiveTheSameRun(t *testing.T) {
	o := soak.ConversionsOptions{Seed: 3, Deliveries: 1000, Crashes: 0.01, Faults: 0.05}
	one, err := soak.Conversions(o)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := soak.Conversions(o); err != nil || !reflect.DeepEqual(one, two) {
		t.Errorf("%s\nand\n%s, %v", one, two, err)
	}
	m := soak.MessagesOptions{Seed: 3, Hours: 1, PerHour: 200, Crashes: 20, Faults: 0.05}
	first, err := soak.Messages(m)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := soak.Messages(m); err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("%s\nand\n%s, %v", first, second, err)
	}
}

func TestEveryMessageStandsOnceInEachCRMThatKnowsItsPersonWithItsFinalState(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := soak.MessagesOptions{Seed: seed, Hours: 1, PerHour: 400, People: 40, Crashes: 20, Faults: 0.05}
			r, err := soak.Messages(o)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, o.Command(), r.Violations, r.Trace)
			if r.Deaths < 10 || r.Early < 1 || r.Born < 1 || r.Statuses < 200 || r.Tasks < 5 || r.Communications < 100 || r.Notes < r.In || r.P50 <= 0 || r.P50 > soak.Soon {
				t.Errorf("a run in which too little happens: %s", r)
			}
		})
	}
}

// Runs that showed a fault once.
func TestWhatWasViolatedOnceHolds(t *testing.T) {
	for _, seed := range []uint64{
		1,  // the locks on a number were given back while nobody knew whether its contact is made
		13, // two requests to one new number in a second made two persons of it
	} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := soak.MessagesOptions{Seed: seed, Hours: 1, PerHour: 5000, Crashes: 2, Faults: 0.05}
			r, err := soak.Messages(o)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, o.Command(), r.Violations, r.Trace)
		})
	}
}

func TestTheDailyReportFindsEveryDefectAndNoneWhereNothingIsWrong(t *testing.T) {
	o := soak.ReportOptions{Seed: 1, Defects: 12, Events: 500}
	r, err := soak.Report(o)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, o.Command(), r.Violations, nil)
	if len(r.Found) != 12 || r.Clean < 5 {
		t.Errorf("%s", r)
	}
}
