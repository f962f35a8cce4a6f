-- A year of flights: what was loaded, what was computed from it, and the steps that are written in SQL.
--
-- A step written in SQL is a function (context jsonb, dependency_results jsonb) returns jsonb. The
-- runner calls it in the transaction that completes the step, so what it writes and the step's end
-- become true together. Each one first removes what an earlier run wrote for its day.

create schema flights;

-- As in the data ----------------------------------------------------------------------------------

create table flights.airlines (
  carrier text primary key,
  name    text not null
);
comment on table flights.airlines is 'Airlines by their code.';

create table flights.airports (
  faa   text primary key,
  name  text not null,
  lat   double precision not null,
  lon   double precision not null,
  alt   integer not null,
  tz    integer not null,
  dst   text,
  tzone text
);
comment on table flights.airports is 'Airports by their FAA code.';

create table flights.planes (
  tailnum      text primary key,
  year         integer,
  type         text,
  manufacturer text,
  model        text,
  engines      integer,
  seats        integer,
  speed        integer,
  engine       text
);
comment on table flights.planes is 'Planes by their tail number.';

create table flights.flights (
  year           integer     not null,
  month          integer     not null,
  day            integer     not null,
  dep_time       integer,
  sched_dep_time integer     not null,
  dep_delay      integer,
  arr_time       integer,
  sched_arr_time integer     not null,
  arr_delay      integer,
  carrier        text        not null,
  flight         integer     not null,
  tailnum        text,
  origin         text        not null,
  dest           text        not null,
  air_time       integer,
  distance       integer     not null,
  hour           integer     not null,
  minute         integer     not null,
  time_hour      timestamptz not null,
  flight_date    date        not null generated always as (make_date(year, month, day)) stored,
  constraint a_flight_is_loaded_once
    primary key (flight_date, carrier, flight, origin, sched_dep_time)
);
comment on table flights.flights is 'Flights from New York. Without a dep_time, a flight was cancelled.';

create table flights.weather (
  origin       text        not null,
  year         integer     not null,
  month        integer     not null,
  day          integer     not null,
  hour         integer     not null,
  temp         double precision,
  dewp         double precision,
  humid        double precision,
  wind_dir     integer,
  wind_speed   double precision,
  wind_gust    double precision,
  precip       numeric,
  pressure     double precision,
  visib        double precision,
  time_hour    timestamptz not null,
  weather_date date        not null generated always as (make_date(year, month, day)) stored,
  constraint an_hour_of_weather_is_loaded_once primary key (weather_date, origin, time_hour)
);
comment on table flights.weather is 'Weather by airport and hour: temp in F, wind in mph, precip in inches, visib in miles.';

-- Computed ----------------------------------------------------------------------------------------

create table flights.requests (
  run       integer not null,
  day       date    not null,
  task_uuid uuid    not null constraint a_task_has_one_day unique,
  constraint a_run_asks_once_for_a_day primary key (run, day)
);
comment on table flights.requests is 'Which task analyzes which day, for each run of the demo.';

create function flights.minutes_lost (p_dep_delay integer)
  returns integer
  language sql
  immutable
return case when p_dep_delay is null then 180 else greatest(p_dep_delay, 0) end;

comment on function flights.minutes_lost is
'What a flight cost each of its passengers: the minutes it left late; three hours when it was cancelled.';

create table flights.carrier_days (
  day           date    not null,
  carrier       text    not null,
  flights       integer not null,
  cancelled     integer not null,
  delay_minutes integer,
  minutes_lost  integer not null,
  constraint a_carrier_has_one_row_a_day primary key (day, carrier)
);
comment on table flights.carrier_days is 'Flights, cancellations and delays by day and carrier.';
comment on column flights.carrier_days.delay_minutes is 'The sum of dep_delay, where an early departure counts below zero; null when none flew.';
comment on column flights.carrier_days.minutes_lost is 'The sum of flights.minutes_lost(dep_delay).';

create table flights.airport_days (
  day           date    not null,
  origin        text    not null,
  flights       integer not null,
  cancelled     integer not null,
  delay_minutes integer,
  minutes_lost  integer not null,
  constraint an_airport_has_one_row_a_day primary key (day, origin)
);
comment on table flights.airport_days is 'Flights, cancellations and delays by day and airport.';

create table flights.airport_hours (
  day          date        not null,
  origin       text        not null,
  time_hour    timestamptz not null,
  flights      integer     not null,
  cancelled    integer     not null,
  minutes_lost integer     not null,
  temp         double precision,
  wind         double precision,
  precip       numeric,
  visib        double precision,
  constraint an_airport_hour_has_one_row primary key (day, origin, time_hour)
);
comment on table flights.airport_hours is 'Flights joined to the weather of their hour and airport; without weather where none was recorded.';
comment on column flights.airport_hours.wind is 'The strongest wind or gust in mph. One record of 1048 mph is left out.';

create table flights.days (
  day           date    primary key,
  flights       integer not null,
  cancelled     integer not null,
  mean_delay    numeric(6,1),
  minutes_lost  numeric(6,1) not null,
  worst_carrier text    not null,
  worst_airport text    not null,
  why           text    not null,
  task_uuid     uuid    not null
);
comment on table flights.days is 'The report: one row a day, written by the last step of its task.';
comment on column flights.days.mean_delay is 'Minutes, over the flights that flew.';
comment on column flights.days.minutes_lost is 'Minutes for each flight: the mean of flights.minutes_lost(dep_delay).';

-- Steps -------------------------------------------------------------------------------------------

create function flights.delays_by_carrier (p_context jsonb, p_results jsonb)
  returns jsonb
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
-- A step: flights, cancellations and delays of a day by carrier.
--
-- Returns  the whole day, and the carrier that lost most minutes a flight, of those with 10 flights
declare
  v_day constant date := p_context ->> 'day';
begin
  delete from flights.carrier_days where day = v_day;
  insert into flights.carrier_days (day, carrier, flights, cancelled, delay_minutes, minutes_lost)
  select v_day,
         carrier,
         count(*),
         count(*) - count(dep_time),
         sum(dep_delay),
         sum(flights.minutes_lost(dep_delay))
    from flights.flights
   where flight_date = v_day
   group by carrier;

  return (
    select jsonb_build_object(
             'flights', sum(flights),
             'cancelled', sum(cancelled),
             'delay_minutes', sum(delay_minutes),
             'minutes_lost', sum(minutes_lost),
             'worst', (array_agg(carrier order by flights < 10, minutes_lost::numeric / flights desc, carrier))[1]
           )
      from flights.carrier_days
     where day = v_day
  );
end;
$$;
comment on function flights.delays_by_carrier is 'A step of demo_flights/analyze_day.';

create function flights.delays_by_airport (p_context jsonb, p_results jsonb)
  returns jsonb
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
-- A step: flights, cancellations and delays of a day by airport.
--
-- Returns  the airport that lost most minutes a flight
declare
  v_day constant date := p_context ->> 'day';
begin
  delete from flights.airport_days where day = v_day;
  insert into flights.airport_days (day, origin, flights, cancelled, delay_minutes, minutes_lost)
  select v_day,
         origin,
         count(*),
         count(*) - count(dep_time),
         sum(dep_delay),
         sum(flights.minutes_lost(dep_delay))
    from flights.flights
   where flight_date = v_day
   group by origin;

  return (
    select jsonb_build_object(
             'worst', (array_agg(origin order by minutes_lost::numeric / flights desc, origin))[1]
           )
      from flights.airport_days
     where day = v_day
  );
end;
$$;
comment on function flights.delays_by_airport is 'A step of demo_flights/analyze_day.';

create function flights.join_weather (p_context jsonb, p_results jsonb)
  returns jsonb
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
-- A step: the weather that each flight of a day met, by airport and hour.
--
-- Returns  the day's weather in a few numbers: rain and snow (in melted inches) of 24 hours at the
--          wettest airport, wind and visibility at their worst while flights were leaving, and the
--          minutes lost for each flight in the morning, afternoon and evening
declare
  v_day constant date := p_context ->> 'day';
begin
  delete from flights.airport_hours where day = v_day;
  insert into flights.airport_hours (
    day, origin, time_hour, flights, cancelled, minutes_lost, temp, wind, precip, visib
  )
  select v_day,
         flown.origin,
         flown.time_hour,
         flown.flights,
         flown.cancelled,
         flown.minutes_lost,
         weather.temp,
         case when weather.wind_speed < 200 then greatest(weather.wind_speed, weather.wind_gust) end,
         weather.precip,
         weather.visib
    from (
           select origin,
                  time_hour,
                  count(*) as flights,
                  count(*) - count(dep_time) as cancelled,
                  sum(flights.minutes_lost(dep_delay)) as minutes_lost
             from flights.flights
            where flight_date = v_day
            group by origin, time_hour
         ) as flown
    left join flights.weather as weather
      on weather.weather_date = v_day
     and weather.origin = flown.origin
     and weather.time_hour = flown.time_hour;

  return (
    select jsonb_build_object(
             'hours', sum(hours),
             'rain_in', max(rain_in),
             'rain_in_an_hour', max(rain_in_an_hour),
             'snow_in', max(snow_in),
             'snow_by_day_in', max(snow_by_day_in),
             'wind_mph', round(max(wind)::numeric),
             'visibility_mi', min(visib),
             'warmest_f', round(max(warmest)::numeric),
             'lost_by', (
               select jsonb_object_agg(part, lost)
                 from (
                        select case
                                 when extract(hour from time_hour at time zone 'America/New_York') < 12 then 'morning'
                                 when extract(hour from time_hour at time zone 'America/New_York') < 17 then 'afternoon'
                                 else 'evening'
                               end as part,
                               sum(minutes_lost) / sum(flights) as lost
                          from flights.airport_hours
                         where day = v_day
                         group by part
                      ) as by_part
             )
           )
      from (
             select count(weather.time_hour) as hours,
                    coalesce(sum(weather.precip) filter (where weather.temp > 34), 0) as rain_in,
                    coalesce(max(weather.precip) filter (where weather.temp > 34), 0) as rain_in_an_hour,
                    coalesce(sum(weather.precip) filter (where weather.temp <= 34), 0) as snow_in,
                    coalesce(sum(hour.precip) filter (where hour.temp <= 34), 0) as snow_by_day_in,
                    max(hour.wind) as wind,
                    min(hour.visib) as visib,
                    max(weather.temp) as warmest
               from flights.weather as weather
               left join flights.airport_hours as hour
                 on hour.day = v_day
                and hour.origin = weather.origin
                and hour.time_hour = weather.time_hour
              where weather.weather_date = v_day
              group by weather.origin
           ) as airport
  );
end;
$$;
comment on function flights.join_weather is 'A step of demo_flights/analyze_day.';
