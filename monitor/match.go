package monitor

import (
	"slices"
	"time"

	"strongroom"
)

// Lets reports whether a filter lets through what a record adds.
func (f Filter) Lets(c *Count) bool {
	return (f.Since.IsZero() || !c.Time.Before(f.Since)) && (f.Until.IsZero() || c.Time.Before(f.Until)) &&
		(f.Actor == "" || f.Actor == Everybody || f.Actor == c.Actor) && (f.Actors == nil || slices.Contains(f.Actors, c.Actor)) &&
		(f.Action == "" || f.Action == c.Action) && (f.Outcome == "" || f.Outcome == c.Outcome) && (f.Bucket == "" || f.Bucket == c.Bucket) &&
		(f.Queue == "" || f.Queue == c.Queue) && (f.Class == "" || slices.Contains(c.Classes, f.Class)) && (f.Group == "" || slices.Contains(c.Groups, f.Group))
}

// Holds reports whether a column of a map by that counts what a record adds.
func (c Column) Holds(by string, n *Count, zone *time.Location) bool {
	if by == ByHours {
		return c == partOfWeek(n.Time, zone)
	}
	return slices.Contains(columnsOf(&strongroom.Use{Untold: n.Untold, Queue: n.Queue, Bucket: n.Bucket, Classes: n.Classes}, by), c)
}

// HoldsSpot reports the same of a spot.
func (c Column) HoldsSpot(by string, s *Spot, zone *time.Location) bool {
	if by == ByHours {
		return c == partOfWeek(s.Start, zone)
	}
	return slices.Contains(columnsOf(&strongroom.Use{Untold: s.Untold, Queue: s.Queue, Bucket: s.Bucket, Classes: s.Classes}, by), c)
}
