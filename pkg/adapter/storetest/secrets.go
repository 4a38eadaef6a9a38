package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Secrets gives secrets by the name of their setting, as the mains ask it to.
type Secrets interface {
	One(name string) func(context.Context) (crm.Secret, error)
	Several(name string) func(context.Context) ([]crm.Secret, error)
	Both(first, second string) func(context.Context) (a, b crm.Secret, err error)
}

// SecretLab opens a store of secrets that holds the given values by name.
type SecretLab func(t *testing.T, values map[string]string) Secrets

// TestSecrets holds a store of secrets to its rules. A rule listed in known must be broken.
func TestSecrets(t *testing.T, known map[string]string, lab SecretLab) {
	hold(t, secretRules, known, func(t *testing.T) secretBench { return secretBench{t, lab} })
}

type secretBench struct {
	t   *testing.T
	lab SecretLab
}

func (b secretBench) ctx() context.Context { return b.t.Context() }

func (b secretBench) open(values map[string]string) Secrets { return b.lab(b.t, values) }

// is wants the secret of that name to be the text, in a store of these values.
func (b secretBench) is(values map[string]string, name, text string) error {
	got, err := b.open(values).One(name)(b.ctx())
	if err != nil {
		return err
	}
	return want(name, got.Reveal(), text)
}

var secretRules = []rule[secretBench]{
	{"a secret is what was stored, without the white space around it", func(b secretBench) error {
		const odd = "pat-eu1-è=%2B/,;'\""
		return first(b.is(map[string]string{"A": odd}, "A", odd), b.is(map[string]string{"A": " \n1000.b\n"}, "A", "1000.b"))
	}},
	{"a secret of four thousand characters is whole", func(b secretBench) error {
		long := strings.Repeat("0123456789abcdef", 250)
		return b.is(map[string]string{"A": long}, "A", long)
	}},
	{"the old and the new value of one that is being exchanged are both given", func(b secretBench) error {
		all, err := b.open(map[string]string{"A": "old, new ,"}).Several("A")(b.ctx())
		if err != nil || len(all) != 2 {
			return fmt.Errorf("%d values: %w", len(all), err)
		}
		return first(want("the first", all[0].Reveal(), "old"), want("the second", all[1].Reveal(), "new"))
	}},
	{"two that belong together are given together", func(b secretBench) error {
		one, two, err := b.open(map[string]string{"A": "a", "B": "b"}).Both("A", "B")(b.ctx())
		return first(err, want("the first", one.Reveal(), "a"), want("the second", two.Reveal(), "b"))
	}},
	{"a dozen secrets are all there", func(b secretBench) error {
		values := map[string]string{}
		for i := range 12 {
			values[fmt.Sprintf("S%d", i)] = fmt.Sprintf("value %d", i)
		}
		s := b.open(values)
		var ask []func(context.Context) (crm.Secret, error)
		for i := range 12 {
			ask = append(ask, s.One(fmt.Sprintf("S%d", i)))
		}
		for i, get := range ask {
			got, err := get(b.ctx())
			if err := first(err, want(fmt.Sprintf("S%d", i), got.Reveal(), fmt.Sprintf("value %d", i))); err != nil {
				return err
			}
		}
		return nil
	}},
}

// TestStoredSecrets holds a store that is asked over the network to the rules of TestSecrets and to one more: what stands in
// the environment is there before a function starts, what lies in a store may be missing later.
func TestStoredSecrets(t *testing.T, known map[string]string, lab SecretLab) {
	hold(t, append(slices.Clip(secretRules), missing), known, func(t *testing.T) secretBench { return secretBench{t, lab} })
}

var missing = rule[secretBench]{
	"a secret that is not there is a fault of the setup that names it, and the others are given", func(b secretBench) error {
		s := b.open(map[string]string{"A": "a"})
		one, none := s.One("A"), s.One("NONE")
		got, err := one(b.ctx())
		if err := first(err, want("A", got.Reveal(), "a")); err != nil {
			return err
		}
		if _, err := none(b.ctx()); fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "NONE") {
			return fmt.Errorf("NONE: %w", err)
		}
		return nil
	},
}
