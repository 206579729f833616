package people

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"strongroom"
)

// Sources that principals may come from, besides people who write them here.
const (
	SourceSCIM = "scim" // a directory that provisions them
	SourceCSV  = "csv"  // a file that was imported
)

// Entry is what a source knows of a principal besides what decisions need. Whose
// principal has one was provisioned by that source, or adopted for it; it is no part of
// records, nor of what policies see.
type Entry struct {
	Source      string    `json:"source"`
	ExternalID  string    `json:"external_id,omitempty"`
	DisplayName string    `json:"display_name,omitempty"`
	FullName    string    `json:"full_name,omitempty"`
	GivenName   string    `json:"given_name,omitempty"`
	FamilyName  string    `json:"family_name,omitempty"`
	Title       string    `json:"title,omitempty"`
	Language    string    `json:"language,omitempty"`
	Emails      []Email   `json:"emails,omitempty"`
	Created     time.Time `json:"created"`
	Modified    time.Time `json:"modified"`
}

// Email is one address of a principal. No right follows from it.
type Email struct {
	Value   string `json:"value"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

const maxEmails = 16

// CheckEntry validates what a source says.
func CheckEntry(e *Entry) error {
	if e.Source != SourceSCIM && e.Source != SourceCSV {
		return fmt.Errorf("%q is no source of principals", clip(e.Source))
	}
	for name, text := range map[string]string{
		"externalId": e.ExternalID, "displayName": e.DisplayName, "name.formatted": e.FullName, "name.givenName": e.GivenName,
		"name.familyName": e.FamilyName, "title": e.Title, "preferredLanguage": e.Language,
	} {
		if err := checkText(name, text); err != nil {
			return err
		}
	}
	if len(e.Emails) > maxEmails {
		return fmt.Errorf("more than %d emails", maxEmails)
	}
	primary := 0
	for _, m := range e.Emails {
		if m.Value == "" {
			return errors.New("an email has no value")
		}
		if err := errors.Join(checkText("emails.value", m.Value), checkText("emails.type", m.Type)); err != nil {
			return err
		}
		if m.Primary {
			primary++
		}
	}
	if primary > 1 {
		return errors.New("more than one email is the primary one")
	}
	return nil
}

func checkText(name, text string) error {
	if len(text) > 256 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s is longer than 256 bytes, not UTF-8, or has control characters", name)
	}
	return nil
}

// DirectoryGroup is a group that a directory manages.
type DirectoryGroup struct {
	ID          strongroom.ID `json:"id"`
	Group       string        `json:"group"` // as principals and policies have it
	DisplayName string        `json:"display_name"`
	ExternalID  string        `json:"external_id,omitempty"`
	Created     time.Time     `json:"created"`
	Modified    time.Time     `json:"modified"`
}

// CheckGroup validates a directory's group and derives its name here.
func CheckGroup(g *DirectoryGroup) (err error) {
	if err = errors.Join(checkText("displayName", g.DisplayName), checkText("externalId", g.ExternalID)); err != nil {
		return err
	}
	g.Group, err = GroupName(g.DisplayName)
	return err
}

// GroupName is the group that a directory's display name stands for: in lower case, with
// - for each run of spaces. A name that then has anything but letters a to z, digits
// and - is refused rather than bent further, so that two names hardly become one.
func GroupName(display string) (string, error) {
	name := strings.Join(strings.Fields(strings.ToLower(display)), "-")
	if !groupForm.MatchString(name) {
		return "", fmt.Errorf("%q cannot be a group here: it becomes %q, and a group is 1 to 64 letters a to z, digits or -; rename it, or give the directory's group another display name", clip(display), clip(name))
	}
	return name, nil
}

// DirectorySettings say what a directory may hand out.
type DirectorySettings struct {
	// Allow lists groups that a directory may give although they are protected.
	Allow []string `json:"allow,omitempty"`
	// Protect lists groups that it may not give besides those that are protected anyway.
	Protect []string `json:"protect,omitempty"`
}

// CheckDirectory validates settings.
func CheckDirectory(s *DirectorySettings) error {
	for _, groups := range []*[]string{&s.Allow, &s.Protect} {
		if len(*groups) > 256 {
			return errors.New("at most 256 groups are listed")
		}
		for _, g := range *groups {
			if !groupForm.MatchString(g) {
				return fmt.Errorf("%q is no group: 1 to 64 lower-case letters, digits or -", clip(g))
			}
		}
		*groups = sortedSet(*groups)
	}
	for _, g := range s.Allow {
		if slices.Contains(s.Protect, g) {
			return fmt.Errorf("%s cannot be both allowed and protected", g)
		}
	}
	return nil
}
