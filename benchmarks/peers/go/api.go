// The API routes of the published pattern: create, read, delete. A delete asks the file provider
// first and marks the user only after an error, for the fallback to finish.
package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type newUser struct {
	FirstName string `json:"firstName" binding:"required"`
	LastName  string `json:"lastName" binding:"required"`
	UserName  string `json:"userName" binding:"required"`
	Email     string `json:"email" binding:"required"`
	CountryID string `json:"countryId" binding:"required"`
	BirthDate string `json:"birthDate" binding:"required"`
}

type user struct {
	ID string `json:"id"`
	newUser
	AvatarKey *string   `json:"avatar"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

const columns = "id::text, first_name, last_name, user_name, email, country_id, " +
	"birth_date::text, avatar_key, created_at, updated_at"

func scan(row pgx.Row) (*user, error) {
	var one user
	err := row.Scan(&one.ID, &one.FirstName, &one.LastName, &one.UserName, &one.Email,
		&one.CountryID, &one.BirthDate, &one.AvatarKey, &one.CreatedAt, &one.UpdatedAt)
	return &one, err
}

func refuse(c *gin.Context, err error) {
	if errors.Is(err, pgx.ErrNoRows) {
		c.JSON(http.StatusNotFound, gin.H{"status": "NotFound", "message": "no such user"})
		return
	}
	c.JSON(http.StatusInternalServerError,
		gin.H{"status": "InternalServer", "message": err.Error()})
}

func createUser(c *gin.Context, pool *pgxpool.Pool) {
	var asked newUser
	if err := c.ShouldBindJSON(&asked); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"status": "BadRequest", "message": err.Error()})
		return
	}
	made, err := scan(pool.QueryRow(c.Request.Context(),
		"INSERT INTO users (first_name, last_name, user_name, email, country_id, birth_date) "+
			"VALUES ($1, $2, $3, $4, $5, $6::text::date) RETURNING "+columns,
		asked.FirstName, asked.LastName, asked.UserName, asked.Email, asked.CountryID,
		asked.BirthDate))
	if err != nil {
		refuse(c, err)
		return
	}
	c.JSON(http.StatusCreated, gin.H{"status": "ok", "data": made})
}

func readUser(c *gin.Context, pool *pgxpool.Pool) {
	found, err := scan(pool.QueryRow(c.Request.Context(),
		"SELECT "+columns+" FROM users WHERE id = $1", c.Param("id")))
	if err != nil {
		refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ok", "data": found})
}

func deleteUser(c *gin.Context, pool *pgxpool.Pool, client *http.Client, store string) {
	id := c.Param("id")
	var key *string
	err := pool.QueryRow(c.Request.Context(), "SELECT avatar_key FROM users WHERE id = $1", id).
		Scan(&key)
	if err != nil {
		refuse(c, err)
		return
	}
	statement, code, state := "DELETE FROM users WHERE id = $1", http.StatusOK, "deleted"
	if key != nil && deleteImage(c.Request.Context(), client, store, *key) != nil {
		statement = "UPDATE users SET avatar_should_be_deleted = true WHERE id = $1"
		code, state = http.StatusAccepted, "pending"
	}
	if _, err := pool.Exec(context.Background(), statement, id); err != nil {
		refuse(c, err)
		return
	}
	c.JSON(code, gin.H{"status": "ok", "data": gin.H{"id": id, "state": state}})
}

func serveUsers(engine *gin.Engine, pool *pgxpool.Pool, timeout time.Duration, store string) {
	client := &http.Client{Timeout: timeout}
	engine.POST("/api/users", func(c *gin.Context) { createUser(c, pool) })
	engine.GET("/api/users/:id", func(c *gin.Context) { readUser(c, pool) })
	engine.DELETE("/api/users/:id", func(c *gin.Context) { deleteUser(c, pool, client, store) })
}
