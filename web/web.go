// Package web holds the sources of the console's pages: templates, the style sheet, the
// scripts and the icons. It is files, and no code.
package web

import "embed"

// Pages are the templates: layout.html, and one file for each page.
//
//go:embed pages
var Pages embed.FS

// Assets are what pages refer to.
//
//go:embed *.css *.js *.svg *.png
var Assets embed.FS
