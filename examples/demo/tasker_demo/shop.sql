-- A shop: its business tables, and those steps of demo_orders/process_order that are written in SQL.
--
-- The other two steps are Python, in handlers.py. What writes here does it in the transaction
-- that completes the step, so a crash, a retry or a worker that was thought dead writes nothing
-- twice. The primary keys would say so.

create schema shop;

create table shop.runs (
  run         integer     generated always as identity primary key,
  started_at  timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
comment on table shop.runs is 'Runs of the demo. The next `tasker-sql demo` continues one that was interrupted.';

create table shop.stock (
  sku       text    primary key,
  name      text    not null,
  cents     integer not null,
  available integer not null constraint stock_is_never_below_zero check (available >= 0)
);
comment on table shop.stock is 'What is on the shelf and not reserved, and what one costs.';

create table shop.deliveries (
  delivery_id  bigint      generated always as identity primary key,
  sku          text        not null references shop.stock,
  quantity     integer     not null check (quantity > 0),
  delivered_at timestamptz not null default clock_timestamp()
);
comment on table shop.deliveries is 'What came into stock: always as much as is available and reserved.';

create table shop.orders (
  order_id  bigint  primary key,
  run       integer not null references shop.runs,
  customer  text    not null,
  items     jsonb   not null,
  task_uuid uuid    not null constraint a_task_has_one_order unique
);
comment on table shop.orders is 'Orders, each with the task that processes it, both made by one transaction.';

create table shop.reservations (
  order_id bigint  not null references shop.orders,
  sku      text    not null references shop.stock,
  quantity integer not null check (quantity > 0),
  constraint an_item_is_reserved_once primary key (order_id, sku)
);
comment on table shop.reservations is 'Goods taken off the shelf for an order.';

create table shop.payments (
  order_id  bigint   primary key references shop.orders,
  cents     integer  not null,
  charge_id text     not null constraint a_charge_is_booked_once unique,
  attempt   smallint not null
);
comment on table shop.payments is 'Money received: at most one payment an order, and the attempt that succeeded.';

create table shop.shipments (
  order_id   bigint      primary key references shop.orders,
  parcel     text        not null constraint a_parcel_is_sent_once unique,
  shipped_at timestamptz not null
);
comment on table shop.shipments is 'Parcels sent.';

create function shop.deliver (p_sku text, p_quantity integer)
  returns integer
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- Brings goods into stock.
--
-- Returns  how many are available now
insert into shop.deliveries (sku, quantity) values (p_sku, p_quantity);
update shop.stock set available = available + p_quantity where sku = p_sku returning available;
$$;
comment on function shop.deliver is 'Brings goods into stock; returns how many are available now.';

create function shop.reserve_inventory (p_context jsonb, p_results jsonb)
  returns jsonb
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- A step: takes an order's goods off the shelf, all or none.
--
-- Returns  how many pieces were reserved
-- Raises   TK100 when there is not enough: a retry would find no more, so this step is in error
--          until somebody calls shop.deliver and tasker.retry_step
-- Locks    the rows of shop.stock, in the order of their sku
declare
  v_order_id constant bigint := p_context ->> 'order_id';
  v_short    text;
begin
  perform from shop.stock as stock
    where stock.sku in (select item ->> 'sku' from jsonb_array_elements(p_context -> 'items') as item)
    order by stock.sku
      for no key update;

  select format('out of stock: %s (%s left)', stock.name, stock.available)
    into v_short
    from jsonb_to_recordset(p_context -> 'items') as item (sku text, quantity integer)
    join shop.stock as stock on stock.sku = item.sku
   where stock.available < item.quantity
   order by stock.sku
   limit 1;
  if found then
    raise exception '%', v_short using errcode = 'TK100';
  end if;

  insert into shop.reservations (order_id, sku, quantity)
  select v_order_id, item.sku, item.quantity
    from jsonb_to_recordset(p_context -> 'items') as item (sku text, quantity integer);
  update shop.stock as stock
     set available = stock.available - reserved.quantity
    from shop.reservations as reserved
   where reserved.order_id = v_order_id
     and reserved.sku = stock.sku;

  return (
    select jsonb_build_object('pieces', sum(quantity))
      from shop.reservations
     where order_id = v_order_id
  );
end;
$$;
comment on function shop.reserve_inventory is 'A step of demo_orders/process_order.';

create function shop.ship_order (p_context jsonb, p_results jsonb)
  returns jsonb
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- A step: sends the parcel of an order that was paid.
--
-- Returns  the parcel's number
insert into shop.shipments (order_id, parcel, shipped_at)
values (
  (p_context ->> 'order_id')::bigint,
  'NYC-' || upper(left(md5(p_results -> 'process_payment' ->> 'charge_id'), 8)),
  clock_timestamp()
)
returning jsonb_build_object('parcel', parcel);
$$;
comment on function shop.ship_order is 'A step of demo_orders/process_order.';
